/* The health check of the container image, without Node.js, whose start costs as much as a second of the server's work:
 * exit code 0 when the server in this container works.
 *
 *   healthcheck [URL]
 *
 * Without a URL it asks for /-/healthy where the container's own process was told to listen: by the flag of its command
 * line, else by $LISTEN_ADDRESS, else at the default. An http URL must be answered with 200. At an https URL, and where the
 * process has a web configuration file with TLS, the server must answer the first message of a handshake, which needs no
 * certificate of either side. */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TIMEOUT_MS = 2500 };

static char url[600];

static void fail(const char *why) {
  fprintf(stderr, "%s: %s\n", url, why);
  exit(1);
}

static void on_timeout(int signal) {
  (void)signal;
  fail("no answer in time");
}

/* The value of a flag of the container's own process, the last one given; NULL when it is not given. */
static const char *flag_of(const char *name) {
  static char words[65536];
  FILE *file = fopen("/proc/1/cmdline", "r");
  size_t length = file == NULL ? 0 : fread(words, 1, sizeof words - 1, file);
  size_t prefix = strlen(name);
  const char *found = NULL;
  if (file != NULL) fclose(file);
  for (char *word = words; word < words + length; word += strlen(word) + 1)
    if (strncmp(word, name, prefix) == 0) found = word + prefix;
  return found;
}

/* Whether a web configuration file is one with TLS; what cannot be read counts as such. */
static int has_tls(const char *path) {
  char line[4096];
  FILE *file = fopen(path, "r");
  int found = file == NULL;
  while (!found && fgets(line, sizeof line, file) != NULL) found = strncmp(line, "tls_server_config:", 18) == 0;
  if (file != NULL) fclose(file);
  return found;
}

static int connected(const char *host, const char *port) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses;
  int error = getaddrinfo(host, port, &hints, &addresses);
  if (error != 0) fail(gai_strerror(error));
  for (struct addrinfo *one = addresses; one != NULL; one = one->ai_next) {
    int fd = socket(one->ai_family, one->ai_socktype, 0);
    if (fd >= 0 && connect(fd, one->ai_addr, one->ai_addrlen) == 0) return fd;
    error = errno;
    if (fd >= 0) close(fd);
  }
  fail(strerror(error));
  return -1;
}

/* Whether the server answers a ClientHello (RFC 8446) without key shares, for which nobody computes anything. */
static int speaks_tls(int fd) {
  static const unsigned char hello[] = {
      22, 3, 1, 0, 96,                                                 /* record: handshake */
      1, 0, 0, 92, 3, 3,                                               /* ClientHello */
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,           /* random */
      17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,  /* random */
      0,                                                               /* no session */
      0, 14, 19, 1, 19, 2, 19, 3, 192, 43, 192, 47, 192, 44, 192, 48,  /* cipher suites */
      1, 0,                                                            /* no compression */
      0, 37,                                                           /* extensions */
      0, 10, 0, 6, 0, 4, 0, 29, 0, 23,                                 /* groups: x25519, P-256 */
      0, 13, 0, 8, 0, 6, 4, 3, 8, 4, 4, 1,                             /* signature algorithms */
      0, 43, 0, 5, 4, 3, 4, 3, 3,                                      /* versions: 1.3, 1.2 */
      0, 51, 0, 2, 0, 0,                                               /* no key share */
  };
  unsigned char first = 0;
  if (write(fd, hello, sizeof hello) != sizeof hello) return 0;
  return read(fd, &first, 1) == 1 && (first == 22 || first == 21); /* a handshake, or an alert */
}

static void get(int fd, const char *host, const char *path) {
  char text[1400];
  int status = 0;
  size_t length = (size_t)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host);
  if (write(fd, text, length) != (ssize_t)length) fail(strerror(errno));
  FILE *answer = fdopen(fd, "r");
  if (answer == NULL || fgets(text, sizeof text, answer) == NULL) fail("the connection was closed");
  if (sscanf(text, "HTTP/1.%*d %d", &status) != 1) fail("it answered something else than HTTP");
  snprintf(text, sizeof text, "it answered %d", status);
  if (status != 200) fail(text);
}

int main(int argc, char **argv) {
  const char *config = argc > 1 ? NULL : flag_of("--web.config.file=");
  if (argc > 1) {
    snprintf(url, sizeof url, "%s", argv[1]);
  } else {
    const char *address = flag_of("--web.listen-address=");
    if (address == NULL) address = getenv("LISTEN_ADDRESS");
    if (address == NULL || *address == '\0') address = ":8080";
    /* An empty host and the two addresses for "anywhere" are reached at loopback. */
    const char *port = strrchr(address, ':');
    size_t host = port == NULL ? 0 : (size_t)(port - address);
    int anywhere = port != NULL && (host == 0 || strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0);
    snprintf(url, sizeof url, "http://%s%s/-/healthy", anywhere ? "localhost" : "", anywhere ? port : address);
  }
  struct sigaction action = {.sa_handler = on_timeout};
  struct itimerval timer = {.it_value = {.tv_sec = TIMEOUT_MS / 1000, .tv_usec = TIMEOUT_MS % 1000 * 1000}};
  sigaction(SIGALRM, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  setitimer(ITIMER_REAL, &timer, NULL);

  char host[300] = "", port[8] = "", path[300] = "/";
  int secure = strncmp(url, "https://", 8) == 0;
  const char *authority = url + (secure ? 8 : 7);
  if (!secure && strncmp(url, "http://", 7) != 0) fail("it is no http or https URL");
  if (sscanf(authority, "[%255[^]]]:%7[0-9]%299s", host, port, path) < 2 &&
      sscanf(authority, "%255[^:/]:%7[0-9]%299s", host, port, path) < 2)
    fail("it has no host and port");

  if (secure || (config != NULL && has_tls(config))) {
    if (!speaks_tls(connected(host, port))) fail("it does not speak TLS");
    return 0;
  }
  char named[320];
  snprintf(named, sizeof named, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
  get(connected(host, port), named, path);
  return 0;
}
