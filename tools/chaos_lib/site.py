"""The files of the fleet: keys, configurations, scripts, policies, and the small disks of those that shall run full."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from .proxy import free_ports

# Every run of a script appends its begin and its end, each on the disk before the script goes on. The time, in
# microseconds, comes from the shell itself: a program that tells it could be killed, and leave a line without one.
SCRIPT = """#!/bin/bash
note() {{
    printf '%s\\n' "$1 ${{EPOCHREALTIME/[^0-9]/}} $job $BOOKEND_ATTEMPT {stage} $$ ${{BOOKEND_POST_RUN:-1}} $2" >>'{ledger}'
    sync '{ledger}'
}}
job={job}
note begin "$*"
trap 'note end $?' EXIT
sleep "$((RANDOM % {sleep} / 10)).$((RANDOM % 10))"
{body}
"""


class Agent:
    def __init__(self, number, run, root):
        # No other process of this machine carries this name: what an agent left behind is found by it.
        self.id = f"{run}-a{number}"
        self.short = f"a{number}"
        self.home = root / self.short
        self.scripts = self.home / "scripts"
        self.state = self.home / "state"
        self.repository = self.home / "repository"
        self.password = self.home / "password"
        self.ledger = self.scripts / "ledger"

    def environment(self):
        """What restic needs to read the agent's repository."""
        return {"RESTIC_REPOSITORY": str(self.repository), "RESTIC_PASSWORD_FILE": str(self.password)}


class Site:
    """Makes everything that the daemons need, below a directory that only this user can write."""

    def __init__(self, root, binaries, agents, run, proxy, small_disks):
        self.root = root
        self.binaries = binaries
        self.agents = [Agent(number, run, root) for number in range(1, agents + 1)]
        self.links = {}
        # A socket's path has at most 107 characters.
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="bookend-chaos-"))
        self.disks = {}
        sync, broadcast, intake, feed = free_ports(4)
        keys = {name: self.keygen(f"bookend-{name}", root / f"{name}.key") for name in ("coordinator", "collector")}
        lines = [f"{key} {name}/main" for name, key in keys.items()]
        for agent in self.agents:
            for folder in (agent.scripts, agent.home / "source"):
                folder.mkdir(parents=True, mode=0o755)
            to_coordinator, ports = proxy.link(f"link {agent.short}-coordinator", [sync, broadcast])
            to_collector, more = proxy.link(f"link {agent.short}-collector", [intake])
            self.links[agent.short] = [to_coordinator, to_collector]
            lines.append(f"{self.keygen('bookend-agent', agent.home / 'agent.key')} agent/{agent.id} kind=chaos")
            self.fill(agent, keys, ports + more)
        self.write(root / "keys", "\n".join(lines) + "\n", 0o600)
        roster, ports = proxy.link("link collector-coordinator", [sync])
        self.links["collector"] = [roster]
        self.servers(keys, sync, broadcast, intake, feed, ports[0])
        for name, folder in self.folders().items():
            folder.mkdir(mode=0o700)
            if small_disks and name in ("coordinator", "collector", "a1"):
                self.mount(name, folder)

    def folders(self):
        """The state directories, by the daemon's name."""
        found = {name: self.root / name for name in ("coordinator", "collector")}
        return found | {agent.short: agent.state for agent in self.agents}

    def keygen(self, program, path):
        done = subprocess.run(
            [self.binaries / program, "keygen", "--out", path], capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[0]

    def write(self, path, text, mode=0o644):
        path.write_text(text)
        path.chmod(mode)

    def fill(self, agent, keys, ports):
        self.write(agent.home / "source/file", f"files of {agent.id}\n")
        self.write(agent.password, "secret\n", 0o600)
        self.write(agent.home / "engine.sh", '#!/bin/sh\nexec "$@"\n', 0o755)
        self.write(agent.ledger, "")
        for stage, name, job, body in (
                ("pre", "pre_script.sh", "$1", "exit $((RANDOM % 12 == 0))"),
                ("backup", "backup.sh", "$BOOKEND_JOB_ID", "exit $((RANDOM % 12 == 0))"),
                ("post", "post_script.sh", "$1", "exit 0")):
            text = SCRIPT.format(ledger=agent.ledger, stage=stage, job=job, sleep=10, body=body)
            self.write(agent.scripts / name, text, 0o755)
        self.write(agent.home / "agent.yaml", f"""\
id: {agent.id}
labels: {{kind: chaos}}
state_directory: {agent.state}
key_file: {agent.home}/agent.key
coordinator:
  sync: tcp://127.0.0.1:{ports[0]}
  broadcast: tcp://127.0.0.1:{ports[1]}
  public_key: "{keys['coordinator']}"
collectors:
  - intake: tcp://127.0.0.1:{ports[2]}
    public_key: "{keys['collector']}"
repositories:
  main: {{location: {agent.repository}, password_file: {agent.password}, initialize: true}}
guard:
  script_directories: [{agent.scripts}]
  commands: [{agent.home}/engine.sh]
heartbeat: 2s
""", 0o600)
        policies = self.root / "policies"
        policies.mkdir(exist_ok=True)
        head = f"agents: {{ids: [{agent.id}]}}\nscripts: {{directory: {agent.scripts}}}\n"
        command = f"backup: {{engine: command, program: {agent.home}/engine.sh, arguments: [{agent.scripts}/backup.sh]}}\n"
        restic = f"backup: {{repository: main, sources: [{agent.home}/source]}}\n"
        retry = "retry: {attempts: 3, interval: 1s}\n"
        for name, text in {"command": command, "retried": command + retry, "restic": restic + retry}.items():
            self.write(policies / f"{agent.short}-{name}.yaml", f"policy: {agent.short}-{name}\n{head}{text}")

    def servers(self, keys, sync, broadcast, intake, feed, roster):
        self.write(self.root / "coordinator.yaml", f"""\
state_directory: {self.root}/coordinator
key_file: {self.root}/coordinator.key
keys: {self.root}/keys
sync: "tcp://127.0.0.1:{sync}"
broadcast: "tcp://127.0.0.1:{broadcast}"
control: ipc://{self.sockets}/coordinator.sock
agent_offline_after: 6s
""", 0o600)
        self.write(self.root / "collector.yaml", f"""\
state_directory: {self.root}/collector
key_file: {self.root}/collector.key
keys: {self.root}/keys
intake: "tcp://127.0.0.1:{intake}"
feed: "tcp://127.0.0.1:{feed}"
query: ipc://{self.sockets}/collector.sock
local_feed: ipc://{self.sockets}/feed.sock
coordinator:
  sync: tcp://127.0.0.1:{roster}
  public_key: "{keys['coordinator']}"
""", 0o600)

    def mount(self, name, folder):
        """A disk of 48 MiB for one daemon's state."""
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=48m,mode=0700", f"chaos-{name}", folder], capture_output=True)
        if done.returncode == 0:
            self.disks[name] = folder

    def environment(self):
        return dict(
            os.environ, HOME=str(self.root), BOOKEND_COORDINATOR=f"ipc://{self.sockets}/coordinator.sock",
            BOOKEND_COLLECTOR=f"ipc://{self.sockets}/collector.sock", BOOKEND_FEED=f"ipc://{self.sockets}/feed.sock")

    def remove_mounts(self):
        """What the small disks hold is kept beside them: it is evidence."""
        for folder in self.disks.values():
            shutil.copytree(folder, f"{folder}-at-the-end", ignore=shutil.ignore_patterns("ballast"))
            subprocess.run(["umount", "-l", folder], capture_output=True)
        self.disks = {}
