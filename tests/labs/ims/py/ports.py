"""Prints the first of COUNT ports in a row that are free for UDP and TCP: ports.py HOST COUNT"""
import random, socket, sys

host, count = sys.argv[1], int(sys.argv[2])
for _ in range(200):
    first = random.randrange(10000, 32000, count)
    held = []
    try:
        for port in range(first, first + count):
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                s = socket.socket(socket.AF_INET, kind)
                held.append(s)
                s.bind((host, port))
    except OSError:
        continue
    finally:
        for s in held:
            s.close()
    print(first)
    sys.exit(0)
sys.exit("no free range of %d ports on %s" % (count, host))
