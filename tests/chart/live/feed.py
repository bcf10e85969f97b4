"""Readers of the feed of alerts, who take of it when they are told to, and no sooner."""

import grpc
from world import basic

METHOD = "/homeroom.notification.v1.AlertFeed/WatchAlerts"
FROM_START = b"\x10\x01"
# What a stream may hold for a reader who takes nothing is then what HTTP/2 begins with, 64 KiB.
AS_IT_IS = [("grpc.http2.bdp_probe", 0)]


class Feed:
    """One connection to the notification service, for any number of readers."""

    def __init__(self, world):
        credentials = grpc.ssl_channel_credentials(world.authority.ca.encode())
        self.channel = grpc.secure_channel(f"localhost:{world.pod('notification').grpc}", credentials, AS_IT_IS)
        self.key = [("authorization", "Basic " + basic("sis", world.sender))]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def follow(self, cursor=None):
        """A reader from the first change kept on, or from behind a cursor."""
        request = FROM_START if cursor is None else b"\x0a" + bytes([len(cursor)]) + cursor
        return self.channel.unary_stream(METHOD)(request, metadata=self.key, wait_for_ready=True)

    def rest(self, reader, most=None):
        """The cursors of what a reader is given, as many as that at most, and why there is no more."""
        cursors = []
        try:
            for change in reader:
                cursors.append(change[2:2 + change[1]])
                if len(cursors) == most:
                    reader.cancel()
        except grpc.RpcError as error:
            return cursors, error.details()
        return cursors, ""
