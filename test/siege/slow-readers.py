# Connections that ask for a path and read nothing of the answer: python3 slow-readers.py PORT COUNT PATH [again] [--header=…].
# Their receive buffers are tiny, so that the answer waits in the server and not in the system. With "again", those that
# the server closes are opened again, 200 a second at most. It ends with its standard input.
import resource
import select
import socket
import sys
import time

port, count, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
again = "again" in sys.argv
headers = "".join(one[len("--header="):] + "\r\n" for one in sys.argv if one.startswith("--header="))
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connect():
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    one.connect(("127.0.0.1", port))
    one.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode())
    return one


poll = select.poll()
poll.register(0, select.POLLIN | select.POLLHUP)
readers = {}
for number in range(count):
    one = connect()
    readers[one.fileno()] = one
    poll.register(one.fileno(), select.POLLRDHUP)
    if number % 100 == 99:
        print(number + 1, flush=True)
print("all", flush=True)
while True:
    for number, event in poll.poll()[:20]:
        if number == 0:
            sys.exit()
        poll.unregister(number)
        readers.pop(number).close()
        if again:
            one = connect()
            readers[one.fileno()] = one
            poll.register(one.fileno(), select.POLLRDHUP)
    time.sleep(0.1)
