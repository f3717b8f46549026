"""Tells Vitrine what may have changed: by HTTP with notify(), or with any NATS client by an empty message to subject().

    NOTIFY_TOKEN=… python3 notify.py http://127.0.0.1:8085/notify sku price 100012 12049.1
"""

import json
import os
import re
import sys
import urllib.request


def subject(lane, kind, dimension, id):
    token = re.sub(rb"[^A-Za-z0-9_-]", lambda m: b"=%02X" % m[0][0], id.encode()).decode()
    return f"change.{lane}.{kind}.{dimension}.{token}"


def notify(url, secret, changes):
    request = urllib.request.Request(url, json.dumps(changes).encode(), {"Authorization": f"Bearer {secret}"})
    urllib.request.urlopen(request, timeout=30).close()  # raises HTTPError; with 503, send it again


if __name__ == "__main__":
    url, kind, dimension, *ids = sys.argv[1:]
    for id in ids:
        print(subject("normal", kind, dimension, id))
    notify(url, os.environ["NOTIFY_TOKEN"], [{"kind": kind, "dimension": dimension, "id": id} for id in ids])
