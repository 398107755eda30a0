#!/usr/bin/env python3
"""A server of the files of a folder over HTTP/1.1, which fails as it is told, or asks for signatures as S3 does.

shard_server.py ROOT READY [--s3 ID:SECRET:REGION[:TOKEN] | --tls PEM]

Listens on a free port of 127.0.0.1 and writes it to READY. Keeps connections, knows ranges, ETags (of the content),
If-Match and PUT. /__counts says what was asked for, as JSON. ROOT.faults has lines of what is to go wrong, each used up
TIMES times in their order, or always where TIMES is 0:

    PATH status CODE TIMES         answers CODE
    PATH cut BYTES TIMES           ends the connection behind so many bytes of the body
    PATH swap BYTES TIMES          the same, and PATH has the content of PATH.other from then on
    PATH stall BYTES TIMES         sends nothing more behind so many bytes, and keeps the connection open
    PATH slow SECONDS TIMES        waits before each 64 KiB of the body
    PATH norange 0 TIMES           knows no ranges
    PATH notag 0 TIMES             sends neither ETag nor Last-Modified
    PATH chunked 0 TIMES           sends no length, but chunks
    PATH longer BYTES TIMES        says that the object has so many bytes more than it has
    PATH elsewhere BYTES TIMES     answers a range with one that begins so many bytes later
    PATH nohead 0 TIMES            knows no HEAD
    PATH redirect TO TIMES         leads to another path
"""
import datetime, hashlib, hmac, http.server, json, os, re, ssl, sys, threading, time, urllib.parse

lock = threading.Lock()
counts, used, swapped = {}, {}, set()


def faults(root, path):
    """The kinds of what goes wrong with this request, with their arguments."""
    found = {}
    with lock:
        try:
            lines = open(root + ".faults", encoding="utf-8").read().splitlines()
        except FileNotFoundError:
            return found
        for number, line in enumerate(lines):
            name, kind, argument, times = line.split()
            key = (number, line)
            if name != path or kind in found or (int(times) and used.get(key, 0) >= int(times)):
                continue
            used[key] = used.get(key, 0) + 1
            found[kind] = argument
            break_after = kind in ("status", "redirect")
            if break_after:
                break
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    root = s3 = None

    def log_message(self, *arguments):
        pass

    def setup(self):
        super().setup()
        self.count("connections", 1, path="")

    def count(self, what, number, path=None):
        with lock:
            row = counts.setdefault(self.plain if path is None else path, {})
            row[what] = row.get(what, 0) + number

    @property
    def plain(self):
        return urllib.parse.unquote(self.path.split("?")[0])

    def answer(self, status, body=b"", headers=(), kind="text/plain"):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, headers=()):
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>said {code}</Message></Error>".encode()
        self.answer(status, body, headers, "application/xml")

    def content(self):
        path = self.plain
        if path in swapped:
            path += ".other"
        if ".." in path.split("/"):
            return None
        try:
            with open(self.root + path, "rb") as file:
                return file.read()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    def authorized(self, body=b""):
        if not self.s3:
            return True
        refusal = signature_refusal(self, body)
        if refusal:
            status, code, region = refusal
            self.refuse(status, code, [("x-amz-bucket-region", region)] if region else [])
        return not refusal

    def do_GET(self):
        if self.plain == "/__counts":
            with lock:
                body = json.dumps(counts).encode()
            return self.answer(200, body)
        self.count(self.command, 1)
        fault = faults(self.root, self.plain)
        if "status" in fault:
            return self.answer(int(fault["status"]), b"as told", [("Retry-After", "0")])
        if "redirect" in fault:
            return self.answer(302, b"", [("Location", fault["redirect"])])
        if "nohead" in fault and self.command == "HEAD":
            return self.answer(405)
        if not self.authorized():
            return None
        body = self.content()
        if body is None:
            return self.refuse(404, "NoSuchKey")
        return self.send(body, fault)

    do_HEAD = do_GET

    def send(self, body, fault):
        tag = '"%s"' % hashlib.md5(body).hexdigest()
        if self.headers.get("If-Match", tag) != tag:
            return self.refuse(412, "PreconditionFailed", [("ETag", tag)])
        size = len(body) + int(fault.get("longer", 0))
        first, last, status = 0, len(body), 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and "norange" not in fault:
            self.count("ranges", 1)
            shift = int(fault.get("elsewhere", 0))
            first = int(asked[1]) + shift
            last = min(len(body), int(asked[2]) + 1 + shift if asked[2] else len(body))
            status = 206
            if first >= len(body):
                return self.answer(416, b"", [("Content-Range", f"bytes */{size}")])
        self.send_response(status)
        if "notag" not in fault:
            self.send_header("ETag", tag)
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{last - 1}/{size}")
        if "chunked" in fault:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(last - first + size - len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.send_body(body[first:last], fault)
        return None

    def send_body(self, body, fault):
        stop = [int(fault[kind]) for kind in ("cut", "swap", "stall") if kind in fault]
        end = min(stop + [len(body)])
        for at in range(0, end, 65536):
            if "slow" in fault:
                time.sleep(float(fault["slow"]))
            part = body[at:min(at + 65536, end)]
            if "chunked" in fault:
                part = b"%x\r\n%s\r\n" % (len(part), part)
            self.wfile.write(part)
            self.count("bytes", min(65536, end - at))
        if "swap" in fault:
            swapped.add(self.plain)
        if "stall" in fault:
            self.wfile.flush()
            time.sleep(3600)
        if stop or "longer" in fault:
            self.close_connection = True
        elif "chunked" in fault:
            self.wfile.write(b"0\r\n\r\n")

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.count("PUT", 1)
        fault = faults(self.root, self.plain)
        if "status" in fault:
            return self.answer(int(fault["status"]))
        if not self.authorized(body):
            return None
        os.makedirs(os.path.dirname(self.root + self.plain), exist_ok=True)
        with open(self.root + self.plain, "wb") as file:
            file.write(body)
        return self.answer(200, b"", [("ETag", '"%s"' % hashlib.md5(body).hexdigest())])


def signature_refusal(request, body):
    """Signature Version 4, from its specification. None, or (status, code, region)."""
    key_id, secret, region, *token = request.s3.split(":")
    headers = request.headers
    given = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?"
                         r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})", headers.get("Authorization", ""))
    if not given:
        return 403, "AccessDenied", None
    if given[1] != key_id or (token and headers.get("x-amz-security-token") != token[0]):
        return 403, "InvalidAccessKeyId", None
    if given[3] != region:
        return 400, "AuthorizationHeaderMalformed", region
    signed = given[4].split(";")
    needed = {"host", "x-amz-content-sha256"} | {name.lower() for name in headers if name.lower().startswith("x-amz-")}
    payload, date = headers.get("x-amz-content-sha256", ""), headers.get("x-amz-date", "")
    if signed != sorted(signed) or not needed <= set(signed) or not date.startswith(given[2]):
        return 403, "AccessDenied", None
    when = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    if abs((datetime.datetime.now(datetime.timezone.utc) - when).total_seconds()) > 900:
        return 403, "RequestTimeTooSkewed", None
    if payload not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
        return 400, "XAmzContentSHA256Mismatch", None
    path, _, query = request.path.partition("?")
    encode = lambda text: urllib.parse.quote(text, safe="-._~")
    pairs = sorted((encode(k), encode(v)) for k, v in urllib.parse.parse_qsl(query, keep_blank_values=True))
    canonical = "\n".join([request.command, urllib.parse.quote(urllib.parse.unquote_to_bytes(path), safe="-._~/"),
                           "&".join(f"{k}={v}" for k, v in pairs),
                           *(f"{name}:{' '.join(','.join(headers.get_all(name, [''])).split())}" for name in signed),
                           "", given[4], payload])
    scope = f"{given[2]}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    if hmac.compare_digest(hmac.new(key, text.encode(), "sha256").hexdigest(), given[5]):
        return None
    return 403, "SignatureDoesNotMatch", None


def main():
    root, ready = sys.argv[1:3]
    Handler.root = root.rstrip("/")
    option = dict([sys.argv[3:5]]) if len(sys.argv) > 4 else {}
    Handler.s3 = option.get("--s3")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if "--tls" in option:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(option["--tls"])
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    with open(ready + ".new", "w") as file:
        file.write(str(server.server_address[1]))
    os.rename(ready + ".new", ready)
    server.serve_forever()


if __name__ == "__main__":
    main()
