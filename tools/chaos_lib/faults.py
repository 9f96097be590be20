"""Faults at random: which, whom, when and for how long comes from one seed; what they strike is seen and said."""

import collections
import os
import random
import signal
import threading
import time

from .scripts import under_way

# Weight of each kind among all faults.
KINDS = {"kill": 12, "freeze": 3, "restart": 3, "cut": 3, "starve": 1, "slow": 2, "fill": 1, "subscriber": 0.3}


class Faults:
    def __init__(self, site, proxy, daemons, operator, seed, say, kinds=None, only=None):
        self.site = site
        self.proxy = proxy
        self.daemons = daemons
        self.operator = operator
        self.rng = random.Random(seed)
        self.say = say
        self.kinds = {kind: KINDS[kind] for kind in kinds or KINDS}
        if not site.disks:
            self.kinds.pop("fill", None)
        self.targets = {name: self._weight(name) for name in daemons if only is None or name.startswith(only)}
        self.agents = {agent.short: agent for agent in site.agents}
        # (name, begin, end) of each time that a daemon was dead or told to end.
        self.deaths = []
        self.struck = collections.Counter()
        self.missed = collections.Counter()
        self.stages = collections.Counter()
        # Whose disks are full, or are about to be.
        self.full = set()
        self.stopping = threading.Event()
        self.threads = []

    def _weight(self, name):
        return len(self.daemons) / 4 if name in ("coordinator", "collector") else 1

    def keep_striking(self, until, rate):
        """Begins about `rate` faults a second until the time comes; then waits until the last one is over."""
        while not self.stopping.is_set() and time.monotonic() < until:
            self.stopping.wait(self.rng.expovariate(rate))
            kind = self.rng.choices(list(self.kinds), list(self.kinds.values()))[0]
            action = getattr(self, f"_{kind}")(random.Random(self.rng.random()))
            if action is not None:
                thread = threading.Thread(target=action, name=kind)
                thread.start()
                self.threads = [one for one in self.threads if one.is_alive()] + [thread]
        for thread in self.threads:
            thread.join()

    def _daemon(self, rng):
        name = rng.choices(list(self.targets), list(self.targets.values()))[0]
        daemon = self.daemons[name]
        return daemon if daemon.fault.acquire(blocking=False) else None

    def _stage(self, name):
        """What is cut in two by a fault of this daemon or link; None: it strikes in no stage."""
        if name in self.agents:
            return under_way(self.agents[name])
        # Of a server: any agent's; not always that of the first.
        agents = list(self.agents.items())
        for short, agent in random.sample(agents, len(agents)):
            if stage := under_way(agent):
                return f"{stage} on {short}"
        return None

    def _note(self, kind, name, stage, detail=""):
        counted = kind if name not in self.agents else f"{kind} agent"
        counted = f"{kind} {name}" if name in ("coordinator", "collector", "subscriber") else counted
        if stage is None:
            self.missed[counted] += 1
        else:
            self.struck[counted] += 1
            self.stages[(counted, stage.split(" of job")[0])] += 1
        self.say(f"fault {kind} {name}{detail}: " + (f"in the {stage}" if stage else "in no stage, not counted"))

    def _kill(self, rng):
        daemon = self._daemon(rng)
        pause = rng.choice([0, 0, rng.uniform(0, 3)])

        def act():
            try:
                stage = self._await_stage(daemon.name, rng)
                pid, begin = daemon.pid, time.time()
                if daemon.kill():
                    self.deaths.append((daemon.name, begin - 0.05))
                    self._note("kill", daemon.name, stage, f" pid {pid}")
                    time.sleep(pause)
                daemon.start()
            finally:
                daemon.fault.release()
        return act if daemon else None

    def _await_stage(self, name, rng):
        """Waits for a stage of a kind that the seed picks, at most a few seconds; returns what there is to strike.

        Steps between stages are short, and would be struck seldom by chance.
        """
        wanted = rng.choice(["pre-script", "step to the backup", "backup", "step from the backup", "post-script"])
        delay = rng.choice([0, 0, rng.uniform(0, 0.3)])
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            if (self._stage(name) or "").startswith(wanted):
                time.sleep(delay)
                break
            time.sleep(0.005)
        while (stage := self._stage(name)) is None and time.monotonic() < deadline + 2:
            time.sleep(0.01)
        return stage

    def _freeze(self, rng):
        daemon = self._daemon(rng)
        length = rng.choice([0.3, 2, 8, 15])

        def act():
            try:
                stage, pid = self._await_stage(daemon.name, rng), daemon.pid
                if daemon.send(signal.SIGSTOP):
                    self._note("freeze", daemon.name, stage, f" pid {pid} for {length} s")
                    self.stopping.wait(length)
                    daemon.send(signal.SIGCONT)
            finally:
                daemon.fault.release()
        return act if daemon else None

    def _restart(self, rng):
        daemon = self._daemon(rng)
        pause = rng.choice([0, rng.uniform(0, 3)])

        def act():
            try:
                stage, pid, begin = self._await_stage(daemon.name, rng), daemon.pid, time.time()
                if pid is not None:
                    self.deaths.append((daemon.name, begin - 0.05))
                    self._note("restart", daemon.name, stage, f" pid {pid}")
                    status = daemon.terminate()
                    if status != 0:
                        self.say(f"note {daemon.name} pid {pid} ended with {status} after SIGTERM")
                    self.deaths.append((daemon.name, time.time()))
                    time.sleep(pause)
                daemon.start()
            finally:
                daemon.fault.release()
        return act if daemon else None

    def _link(self, rng, kind, strike, lengths):
        name = rng.choice([name for name in self.site.links if name in self.targets])
        link = rng.choice(self.site.links[name])
        length = rng.choice(lengths)
        if not link.fault.acquire(blocking=False):
            return None

        def act():
            try:
                stage = self._await_stage(name, rng)
                strike(link)
                self._note(kind, link.name, stage, f" for {length} s")
                self.stopping.wait(length)
                self.proxy.mend(link)
            finally:
                link.fault.release()
        return act

    def _cut(self, rng):
        return self._link(rng, "cut", self.proxy.cut, [0, 1, 5, 15])

    def _starve(self, rng):
        return self._link(rng, "starve", self.proxy.starve, [1, 5, 20])

    def _slow(self, rng):
        delay = rng.choice([0.02, 0.2, 1])
        return self._link(rng, "slow", lambda link: self.proxy.slow(link, delay), [5, 15])

    def _fill(self, rng):
        name = rng.choice(list(self.site.disks))
        length = rng.choice([2, 6, 12])
        folder = self.site.disks[name]
        killed = rng.random() < 0.3
        if name in self.full:
            return None
        self.full.add(name)

        def act():
            daemon = self.daemons[name]
            stage = self._await_stage(name, rng)
            try:
                fill(folder / "ballast")
                self._note("fill", name, stage, f" for {length} s")
                if killed and daemon.fault.acquire(blocking=False):
                    self.stopping.wait(length / 2)
                    pid, begin, stage = daemon.pid, time.time(), self._stage(name)
                    if daemon.kill():
                        self.deaths.append((name, begin - 0.05))
                        self._note("kill", name, stage, f" pid {pid} while its disk is full")
                    daemon.start()
                    daemon.fault.release()
                self.stopping.wait(length)
            finally:
                (folder / "ballast").unlink(missing_ok=True)
                self.full.discard(name)
        return act

    def _subscriber(self, rng):
        def act():
            self.operator.disturb()
            self._note("kill", "subscriber", self._stage("subscriber"))
        return act


def fill(path):
    """Fills a disk to its last byte."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass  # No room for a piece of this size.
        os.fsync(file.fileno())
