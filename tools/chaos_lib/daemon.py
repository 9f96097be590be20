"""One daemon of the fleet: a real process that is started, killed, stopped for a while, and started again."""

import os
import signal
import subprocess
import threading
import time


class Daemon:
    """A program under the eyes of this run. All methods may be called from any thread."""

    def __init__(self, name, program, configuration, log, on_fall):
        self.name = name
        self.command = [str(program), "run", "--config", str(configuration)]
        self.log_path = log
        self.log = open(log, "ab")
        self.on_fall = on_fall
        self.process = None
        self.lock = threading.RLock()
        # A fault owns its target until the target runs again.
        self.fault = threading.Lock()
        self.starts = 0
        self.stopped_since = None

    def start(self):
        with self.lock:
            self.log.write(f"--- start {self.starts + 1} at {time.time():.3f}\n".encode())
            self.log.flush()
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
            self.starts += 1
            return self.process.pid

    @property
    def pid(self):
        with self.lock:
            return self.process.pid if self.process is not None and self.process.poll() is None else None

    def send(self, number):
        """False when there is no process."""
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                return False
            # Not reaped yet, so the id is still its own.
            os.kill(self.process.pid, number)
            return True

    def kill(self):
        struck = self.send(signal.SIGKILL)
        self.process.wait()
        return struck

    def terminate(self, patience=60):
        """SIGTERM and its end; returns the exit status, or None when it had to be killed."""
        self.send(signal.SIGTERM)
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def mend(self):
        """Starts a daemon that ended by itself; whoever holds `fault` ends it on purpose."""
        if not self.fault.acquire(blocking=False):
            return
        try:
            if self.process is not None and self.process.poll() is not None:
                self.on_fall(self, self.process.returncode)
                self.start()
        finally:
            self.fault.release()
