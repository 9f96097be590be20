"""The fleet as a whole: its daemons, its operator, and how it comes to rest."""

import os
import pathlib
import random
import signal
import threading
import time

from .daemon import Daemon
from .operator import Operator, find_all
from .proxy import Proxy
from .site import Site


class Fleet:
    def __init__(self, root, binaries, agents, rng):
        self.root = root
        self.begin = time.monotonic()
        self.output = open(root / "faults.log", "a", encoding="utf-8")
        self.output_lock = threading.Lock()
        # A word that is in the environment of all that agents start, and of nothing else on this machine.
        self.run = f"chaos{os.getpid()}x{random.SystemRandom().randrange(1 << 24):06x}"
        self.proxy = Proxy()
        self.site = Site(root, binaries, agents, self.run, self.proxy, small_disks=os.geteuid() == 0)
        self.faults = None
        self.falls = []
        self.left = []
        self.daemons = {}
        for name in ("coordinator", "collector"):
            self._add(name, f"bookend-{name}", root / f"{name}.yaml")
        for agent in self.site.agents:
            self._add(agent.short, "bookend-agent", agent.home / "agent.yaml")
        self.operator = Operator(self.site, rng, self.say)
        self.stopping = threading.Event()
        self.nurse = threading.Thread(target=self._nurse, daemon=True)

    def _add(self, name, program, configuration):
        self.daemons[name] = Daemon(
            name, self.site.binaries / program, configuration, self.root / f"{name}.log", self._fell)

    def say(self, text):
        with self.output_lock:
            line = f"{time.monotonic() - self.begin:7.1f} s {time.time():.2f}  {text}"
            self.output.write(line + "\n")
            self.output.flush()
            if not text.startswith("fault"):
                print(line, flush=True)

    def __enter__(self):
        try:
            for daemon in self.daemons.values():
                daemon.start()
            self._await_agents(60)
            status, _, errors = self.operator.run("policy", "apply", str(self.root / "policies"))
            if status != 0:
                raise RuntimeError(f"bookend policy apply ended with {status}: {errors}")
            self.operator.watch()
            self.nurse.start()
            if not self.site.disks:
                self.say("no small disk could be mounted: no disk runs full")
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        # Whoever presses Ctrl-C again waits until all is ended.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.stopping.set()
        if self.nurse.is_alive():
            self.nurse.join()
        self.operator.stop()
        if self.faults is not None:
            self.faults.stopping.set()
            for thread in self.faults.threads:
                thread.join(20)
        for link in self.proxy.links:
            self.proxy.mend(link)
        # Agents first, then those whom they speak with.
        for name in sorted(self.daemons, key=lambda name: (name == "coordinator", name == "collector")):
            daemon = self.daemons[name]
            if daemon.process is not None:
                daemon.send(signal.SIGCONT)
                daemon.terminate(30)
        self.left = [self._end(pid) for pid in self._descendants()]
        self.site.remove_mounts()
        self.proxy.close()
        for path in sorted(self.site.sockets.iterdir()):
            path.unlink()
        self.site.sockets.rmdir()

    def _nurse(self):
        """What systemd would do: a daemon that ended by itself is started again."""
        while not self.stopping.wait(0.5):
            for daemon in self.daemons.values():
                daemon.mend()

    def _fell(self, daemon, status):
        disk = self.site.disks.get(daemon.name)
        full = disk is not None and (disk / "ballast").exists()
        self.faults.deaths.append((daemon.name, time.time()))
        text = f"{daemon.name} ended by itself with {status}" + (", its disk being full" if full else "")
        self.say(f"note {text}")
        if not full:
            self.falls.append(text)

    def _await_agents(self, patience):
        deadline = time.monotonic() + patience
        while True:
            status, output, _ = self.operator.run("agents", "--output", "json")
            if status <= 1 and output.count('"is_online": true') == len(self.site.agents):
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"the fleet did not start; {self.root} has the logs\n{output}")
            time.sleep(0.3)

    def await_quiet(self, patience):
        """Waits until every job that anybody knows of has ended; returns the seconds that this took."""
        begin = time.monotonic()
        quiet_since = None
        while time.monotonic() - begin < patience:
            if self._is_quiet():
                quiet_since = quiet_since or time.monotonic()
                if time.monotonic() - quiet_since > 4:
                    break
            else:
                quiet_since = None
            time.sleep(1)
        return time.monotonic() - begin

    def _is_quiet(self):
        with self.operator.lock:
            if set(self.operator.triggers) - self.operator.ended:
                return False
        try:
            active = self.operator.json("jobs", "--active", "--limit", "1000000")
            return not find_all(active, "job_id") and not self.open_debts()
        except RuntimeError:
            return False

    def open_debts(self):
        """What the agents say that they owe; they are asked again while one does not answer."""
        for _ in range(10):
            try:
                return self.operator.json("debts")["debts"]
            except RuntimeError as error:
                problem = error
                time.sleep(2)
        raise problem

    def _descendants(self):
        """Processes that agents of this run started and left."""
        marker = f"BOOKEND_AGENT={self.run}-".encode()
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and marker in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                pass  # Gone, or not ours to see.
        return found

    def _end(self, pid):
        try:
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            os.kill(pid, signal.SIGKILL)
            return f"{pid} {command}"
        except OSError:
            return f"{pid} (gone)"
