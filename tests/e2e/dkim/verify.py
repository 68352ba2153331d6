# Verifies every DKIM signature of a message with dkimpy, and prints one line for each: domain, selector, algorithm, and
# whether it is valid. The records come from a file, a name and a text on each line.
#
# Arguments: the message, the records.

import sys

import dkim

message = open(sys.argv[1], "rb").read()
records = dict(line.rstrip("\n").split(" ", 1) for line in open(sys.argv[2]))


def look_up(name, timeout=5):
    return records.get(name.decode().rstrip("."), "").encode()


signatures = message.lower().split(b"\r\n\r\n")[0].count(b"dkim-signature:")
for index in range(signatures):
    verifier = dkim.DKIM(message)
    try:
        valid = verifier.verify(idx=index, dnsfunc=look_up)
    except dkim.ValidationError:
        valid = False
    tags = {name: value.decode() for name, value in ((k.decode(), v) for k, v in verifier.signature_fields.items())}
    print(tags["d"], tags["s"], tags["a"], "valid" if valid else "not valid")
