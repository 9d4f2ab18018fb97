"""HTTP/1.1 on uvloop: bytes of a connection to requests, answers to bytes. It knows no dialect."""
