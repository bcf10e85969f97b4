"""Readers of the feed in a process of their own, which can be stopped where it is: told by one line of JSON who and where they are."""

import json
import sys
import threading

import grpc


def read(told):
    """Reads for ever, on a connection of its own; comes again when it was cut."""
    credentials = grpc.ssl_channel_credentials(told["ca"].encode())
    channel = grpc.secure_channel(told["address"], credentials, [("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0)])
    watch = channel.unary_stream("/homeroom.notification.v1.AlertFeed/WatchAlerts")
    while True:
        try:
            for _ in watch(b"", metadata=[("authorization", told["authorization"])], wait_for_ready=True):
                pass
        except grpc.RpcError as error:
            print(error.code().name, flush=True)


def main():
    told = json.loads(sys.stdin.readline())
    for _ in range(told["readers"]):
        threading.Thread(target=read, args=(told,), daemon=True).start()
    # Until whoever started it goes.
    sys.stdin.read()


if __name__ == "__main__":
    main()
