"""The operator: orders backups by the CLI, writes down what was acknowledged, and reads the feed along."""

import json
import subprocess
import threading
import time


class Operator:
    def __init__(self, site, rng, say):
        self.site = site
        self.rng = rng
        self.say = say
        self.cli = site.binaries / "bookend"
        self.environment = site.environment()
        # Job ids whose order was acknowledged, with the agent and the policy.
        self.triggers = {}
        self.ended = set()
        self.feed = []
        self.refused = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.watcher = None
        self.watch_process = None
        self.watch_starts = 0
        self.ledger = open(site.root / "triggers", "a", encoding="utf-8")

    def run(self, *words, patience=60):
        """The CLI's exit status and output; 124 when it had to be ended."""
        with subprocess.Popen(
                [self.cli, *words], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True) as process:
            try:
                output, errors = process.communicate(timeout=patience)
            except subprocess.TimeoutExpired:
                process.kill()
                output, errors = process.communicate()
                return 124, output, errors
            return process.returncode, output, errors

    def json(self, *words, patience=60):
        status, output, errors = self.run(*words, "--output", "json", patience=patience)
        if status > 1:
            raise RuntimeError(f"bookend {' '.join(words)} ended with {status}: {errors.strip()}")
        return json.loads(output)

    def order(self, agent, policy, *words):
        status, output, errors = self.run("backup", f"{agent.short}-{policy}", "--output", "json", *words)
        try:
            records = json.loads(output)["jobs"] if status < 2 else []
        except ValueError:
            records = []
        with self.lock:
            if not records:
                self.refused += 1
                return
            for record in records:
                job = record["job_id"]
                if record["state"] == "offline":
                    # It ended at once (31), and no agent reports it.
                    self.ended.add(job)
                if job in self.triggers:
                    self.say(f"job {job} was given to two orders")
                    self.triggers[job] = (agent.short, "given to two orders")
                else:
                    self.triggers[job] = (agent.short, policy)
                self.ledger.write(f"{time.time():.3f} {job} {agent.short} {policy}\n")
            self.ledger.flush()

    def waiting(self, agent):
        with self.lock:
            return sum(1 for job, (short, _) in self.triggers.items() if short == agent.short and job not in self.ended)

    def keep_ordering(self, until, rate):
        """Keeps a few jobs waiting at each agent, at most `rate` orders a second, until the time comes."""
        while not self.stopping.is_set() and time.monotonic() < until:
            agents = [agent for agent in self.site.agents if self.waiting(agent) < 5]
            if agents:
                agent = min(agents, key=lambda agent: (self.waiting(agent), self.rng.random()))
                policy = self.rng.choices(["command", "retried", "restic"], [6, 3, 1])[0]
                patience = ["--queue-for", "2h"] if self.rng.random() < 0.9 else []
                begin = time.monotonic()
                self.order(agent, policy, *patience)
                self.stopping.wait(max(0, 1 / rate - (time.monotonic() - begin)))
            else:
                self.stopping.wait(0.1)

    # The subscriber that reads along, and goes on behind its cursor when it was ended.

    def watch(self):
        self.watcher = threading.Thread(target=self._watch, name="watch", daemon=True)
        self.watcher.start()

    def _watch(self):
        while not self.stopping.is_set():
            cursor = self.feed[-1]["cursor"] if self.feed else "start"
            self.watch_starts += 1
            self.watch_process = subprocess.Popen(
                [self.cli, "watch", "--output", "json", "--from", cursor], env=self.environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            for line in self.watch_process.stdout:
                if not line.endswith("\n"):
                    break  # Cut off in the middle of a line: it comes again behind the cursor.
                entry = json.loads(line)
                if entry.get("is_alert"):
                    continue
                with self.lock:
                    self.feed.append(entry)
                    if entry.get("ends_job"):
                        self.ended.add(entry["job_id"])
            self.watch_process.wait()
            self.stopping.wait(1)

    def disturb(self):
        """Ends the subscriber in the middle; it goes on behind its cursor."""
        if self.watch_process is not None and self.watch_process.poll() is None:
            self.watch_process.kill()

    def stop(self):
        self.stopping.set()
        self.disturb()
        if self.watcher is not None:
            self.watcher.join(10)

    def read_whole_feed(self, patience):
        """The feed from its oldest report on, until nothing has come for some seconds."""
        process = subprocess.Popen(
            [self.cli, "watch", "--output", "json", "--from", "start"], env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        entries, last = [], [time.monotonic()]

        def read():
            for line in process.stdout:
                if line.endswith("\n"):
                    entry = json.loads(line)
                    if not entry.get("is_alert"):
                        entries.append(entry)
                    last[0] = time.monotonic()
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        begin = time.monotonic()
        while time.monotonic() - last[0] < 5 and time.monotonic() - begin < patience:
            time.sleep(0.2)
        process.kill()
        process.wait()
        reader.join(5)
        return entries


def find_all(value, key):
    """All values of this key, at any depth."""
    if isinstance(value, dict):
        found = [value[key]] if key in value else []
        return found + [one for part in value.values() for one in find_all(part, key)]
    if isinstance(value, list):
        return [one for part in value for one in find_all(part, key)]
    return []
