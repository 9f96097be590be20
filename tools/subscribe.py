#!/usr/bin/env python3
"""Prints the collector's feed, one JSON object a line: a subscriber in a page.

  python3 -m venv venv && venv/bin/pip install -r tools/subscribe-requirements.txt
  venv/bin/python tools/subscribe.py                                   # this machine's collector, from now on
  venv/bin/python tools/subscribe.py --from "$CURSOR"                  # from where an earlier run stopped
  venv/bin/python tools/subscribe.py --feed tcp://HOST:7511 --server-key "$KEY" --key-file my.key

A subscriber that stores each line's cursor together with its effect misses nothing and sees nothing twice. What is
published may be lost; what is lost is asked for again, by the last cursor, through the query endpoint.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import zmq
from google.protobuf.json_format import MessageToDict

PROTO = pathlib.Path(__file__).resolve().parent.parent / "proto"
LIMIT = 500  # reports in one answer
PATIENCE = 3_000  # milliseconds of silence after which the collector is asked whether something was lost


def load_messages():
    """The messages of proto/, generated afresh by protoc."""
    with tempfile.TemporaryDirectory() as folder:
        files = [str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto")]
        subprocess.run(["protoc", f"--proto_path={PROTO}", f"--python_out={folder}", *files], check=True)
        sys.path.insert(0, folder)
        from bookend.v1 import envelope_pb2
        return envelope_pb2


def connect(context, kind, endpoint, server_key, keys):
    socket = context.socket(kind)
    socket.linger = 0
    if endpoint.startswith("tcp://"):  # TCP is always encrypted
        if not server_key or not keys:
            sys.exit(f"subscribe: {endpoint} needs --server-key and --key-file")
        socket.curve_serverkey = server_key.encode()
        socket.curve_publickey, socket.curve_secretkey = keys
    if kind == zmq.SUB:
        socket.subscribe(b"feed/")
        socket.subscribe(b"welcome")
    socket.connect(endpoint)
    return socket


def ask(messages, query, number, cursor):
    """The reports behind a cursor: entries, and the cursor behind the newest of all."""
    request = messages.Envelope(major=1, minor=0)
    request.query.request = number
    request.query.feed.limit = LIMIT
    setattr(request.query.feed, "from", cursor)
    query.send(request.SerializeToString())
    while query.poll(10_000):
        reply = messages.Envelope.FromString(query.recv()).query_reply
        if reply.request == number:
            if reply.HasField("failure"):
                sys.exit(f"subscribe: {reply.failure.code}: {reply.failure.message}")
            return list(reply.feed.entries), reply.feed.head
    sys.exit("subscribe: the collector does not answer queries; is bookend-collector running?")


def head(messages, query):
    request = messages.Envelope(major=1, minor=0)
    request.query.feed_head.SetInParent()
    query.send(request.SerializeToString())
    if not query.poll(10_000):
        sys.exit("subscribe: the collector does not answer queries; is bookend-collector running?")
    return messages.Envelope.FromString(query.recv()).query_reply.feed.head


def stream(messages, feed, query, cursor):
    """Every stored report behind the cursor, once and in order: asked for, then as it is published.

    Asking is what counts. A published report only says that it is time to ask, and saves the question when it is the very
    next one, which its own cursor cannot tell: cursors are opaque.
    """
    number = 0
    while True:
        newest = None
        while newest != cursor:
            number += 1
            entries, newest = ask(messages, query, number, cursor)
            for entry in entries:
                cursor = entry.cursor
                yield entry
            if not entries:
                break
        if feed.poll(PATIENCE):
            while feed.poll(0):
                feed.recv_multipart()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--feed", default="ipc:///run/bookend-collector/collector-feed.sock", help="where reports are published")
    arguments.add_argument("--query", default="ipc:///run/bookend-collector/collector.sock", help="where queries are answered")
    arguments.add_argument("--from", dest="cursor", help="a cursor; without it: what is stored from now on")
    arguments.add_argument("--count", type=int, help="end after so many reports")
    arguments.add_argument("--server-key", help="the collector's public key, for TCP")
    arguments.add_argument("--key-file", help="the file of your own secret key, for TCP")
    options = arguments.parse_args()

    keys = None
    if options.key_file:
        secret = pathlib.Path(options.key_file).read_text().splitlines()[-1].strip().encode()
        keys = (zmq.curve_public(secret), secret)
    messages = load_messages()
    context = zmq.Context()
    # Subscribed before the first question: nothing falls between the two.
    feed = connect(context, zmq.SUB, options.feed, options.server_key, keys)
    query = connect(context, zmq.DEALER, options.query, options.server_key, keys)
    feed.poll(10_000)  # the welcome
    cursor = options.cursor if options.cursor is not None else head(messages, query)
    left = options.count
    for entry in stream(messages, feed, query, cursor):
        document = MessageToDict(entry, preserving_proto_field_name=True)
        if entry.HasField("report"):
            document["report"]["status"] = entry.report.status  # 0 is a status, and protobuf's default
        print(json.dumps(document), flush=True)
        if left is not None:
            left -= 1
            if left <= 0:
                return


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
