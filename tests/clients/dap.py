"""A client of the Debug Adapter Protocol, as editors speak it, on an adapter's stdin and stdout."""

import json
import queue
import subprocess
import threading

from session import Failure, expect

LIMIT = 20


class Adapter:
    """An adapter in a session; every wait has a time limit."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.next = 1
        self.messages = queue.Queue()
        self.events = []
        self.replies = {}
        self.console = ""
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def _read(self):
        stream = self.process.stdout
        while True:
            length = None
            while (line := stream.readline().strip()) or length is None:
                if not line:
                    self.messages.put(None)
                    return
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            self.messages.put(json.loads(stream.read(length)))

    def _take(self):
        try:
            message = self.messages.get(timeout=LIMIT)
        except queue.Empty:
            raise Failure(f"the adapter said nothing for {LIMIT} s; console:\n{self.console}") from None
        if message is None:
            raise Failure(f"the adapter ended; console:\n{self.console}")
        if message["type"] == "event":
            if message["event"] == "output":
                self.console += message["body"].get("output", "")
            self.events.append(message)
        elif message["type"] == "response":
            self.replies[message["request_seq"]] = message

    def send(self, command, **arguments):
        """Sends a request and returns its number."""
        number, self.next = self.next, self.next + 1
        request = {"seq": number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(request).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()
        return number

    def reply_to(self, number):
        """Waits for the reply to a request."""
        while number not in self.replies:
            self._take()
        return self.replies.pop(number)

    def ask(self, command, **arguments):
        """Sends a request and returns the body of its reply, which must be a success."""
        reply = self.reply_to(self.send(command, **arguments))
        expect(reply["success"], f"{command} failed", json.dumps(reply) + "\n" + self.console)
        return reply.get("body") or {}

    def wait_for_console(self, words):
        """Waits until `words` are on the console: they may come after the stop that they explain."""
        while words not in self.console:
            self._take()

    def wait_for(self, event):
        """The oldest event of a name that nobody has waited for yet."""
        while True:
            for i, message in enumerate(self.events):
                if message["event"] == event:
                    del self.events[i]
                    return message.get("body") or {}
            self._take()
