# Prints what is needed to understand the failures in a log of tap: of each one the comments before it (a seed, what
# happened so far), what was found, and the comments after it; of the tests and files around it only the names.
function indent() { match($0, /^ */); return RLENGTH }
function show() { print substr($0, 1, 500) }
function before(  i) {
  for (i = count > 15 ? count - 15 : 0; i < count; i++) print comments[i % 15]
  count = 0
}
/^ *not ok .* # time=/ { show(); left = 0; next }
/^ *not ok / { before(); left = 90; skipped = -1 }
/^ *(ok |# Subtest)/ { left = 0; if (/# Subtest/) count = 0 }
/NOT TESTED/ { show(); next }
left == 0 { if (/^ *# /) comments[count++ % 15] = substr($0, 1, 500); next }
skipped >= 0 && (/^ *$/ || indent() > skipped) { next }
{ skipped = -1 }
/^ *source: / { skipped = indent(); next }
{ show(); left-- }
