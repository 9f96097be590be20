"""Compares four ledgers: acknowledged triggers, script runs on disk, restic's snapshots, the collector's aggregate."""

import collections
import json
import os
import subprocess

from .scripts import STAGES, read_runs

# Statuses of a stage whose agent died, or was told to end, in the middle of it.
BROKEN = {20, 21, 25, 27}


class Judge:
    def __init__(self, site, operator, faults):
        self.site = site
        self.operator = operator
        self.faults = faults
        self.violations = collections.defaultdict(list)
        self.runs = {agent.short: read_runs(agent) for agent in site.agents}
        self.by_job = collections.defaultdict(list)
        for runs in self.runs.values():
            for run in runs:
                self.by_job[run.job].append(run)
        self.snapshots = collections.defaultdict(list)
        self.jobs = {}
        self.feed = []

    def judge(self):
        for agent in self.site.agents:
            self._read_snapshots(agent)
        answer = self.operator.json("jobs", "--limit", "1000000", patience=300)
        jobs = answer if isinstance(answer, list) else answer["jobs"]
        self.jobs = {job["job_id"]: job for job in jobs}
        self.feed = self.operator.read_whole_feed(300)
        self._judge_triggers()
        self._judge_feed()
        for job, runs in sorted(self.by_job.items()):
            self._judge_runs(job, runs)
        for short, runs in self.runs.items():
            self._judge_overlaps(short, runs)
        for (job, attempt), found in sorted(self.snapshots.items()):
            self._judge_snapshots(job, attempt, found)
        for job in self.jobs.values():
            self._judge_aggregate(job)
        return self.violations

    def line(self):
        counts = [
            ("triggers", len(self.operator.triggers)), ("jobs", len(self.jobs)), ("reports", len(self.feed)),
            ("lost", len(self.violations["lost"])), ("double", len(self.violations["double"])),
            ("unpaid debts", len(self.violations["unpaid debts"])),
            ("never ended", len(self.violations["never ended"])),
        ]
        return ", ".join(f"{name} {count}" for name, count in counts)

    def _add(self, kind, job, text):
        self.violations[kind].append((job, text))

    def died(self, agent, begin, end):
        """Whether the agent died, or was told to end, in this time."""
        return any(name == agent and begin <= at <= end for name, at in self.faults.deaths)

    def _read_snapshots(self, agent):
        if not (agent.repository / "config").exists():
            return
        done = subprocess.run(
            ["restic", "snapshots", "--json", "--no-cache", "--no-lock"], env=dict(os.environ, **agent.environment()),
            capture_output=True, text=True)
        if done.returncode != 0:
            self._add("lost", None, f"the repository of {agent.short} cannot be read: {done.stderr.strip()}")
            return
        for snapshot in json.loads(done.stdout) or []:
            tags = dict(tag.split("=", 1) for tag in snapshot.get("tags") or [] if "=" in tag)
            job, attempt = tags.get("bookend-job"), tags.get("bookend-attempt", "1")
            self.snapshots[int(job), int(attempt)].append(snapshot["id"])

    def _judge_triggers(self):
        for job, (agent, policy) in sorted(self.operator.triggers.items()):
            if policy == "given to two orders":
                self._add("double", job, policy)
            if job not in self.jobs:
                self._add("lost", job, f"its trigger for {agent} was acknowledged; the collector knows no such job")
        for job in self.jobs.values():
            if not job["is_final"]:
                self._add("never ended", job["job_id"], f"the collector says {job['status']} {job['reason']}")

    def _judge_feed(self):
        ends, seen = collections.Counter(), collections.Counter()
        for entry in self.feed:
            # What the coordinator ended is the agent's to put right.
            ends[entry["job_id"], bool(entry.get("is_inference"))] += bool(entry.get("ends_job"))
            seen[entry["cursor"]] += 1
            if "sequence" in entry:
                seen[entry["agent"], entry.get("incarnation"), entry["sequence"]] += 1
        for key, count in seen.items():
            if count > 1:
                self._add("double", None, f"the feed has {key} {count} times")
        for (job, _), count in ends.items():
            if count > 1:
                self._add("double", job, f"the feed says {count} times that it ended")
        for job in self.jobs.values():
            if job["is_final"] and not any(ends[job["job_id"], is_inferred] for is_inferred in (False, True)):
                self._add("lost", job["job_id"], "the collector has its end, the feed has not")
        # The subscriber that read along, was ended now and then, and went on behind its cursor.
        along = [entry["cursor"] for entry in self.operator.feed]
        whole = [entry["cursor"] for entry in self.feed]
        if along != whole[:len(along)] or len(along) < len(whole):
            missing, extra = set(whole) - set(along), set(along) - set(whole)
            for cursor in sorted(missing)[:5]:
                self._add("lost", None, f"the subscriber that read along never got {cursor}")
            for cursor in sorted(extra)[:5]:
                self._add("lost", None, f"the subscriber that read along got {cursor}, which the feed has no more")
            for cursor, count in collections.Counter(along).items():
                if count > 1:
                    self._add("double", None, f"the subscriber that read along got {cursor} {count} times")

    def _judge_runs(self, job, runs):
        if job not in self.jobs:
            self._add("lost", job, f"scripts ran, the collector knows no such job: {runs[0]}")
        attempts = collections.defaultdict(lambda: collections.defaultdict(list))
        for run in runs:
            attempts[run.attempt][run.stage].append(run)
        for attempt, stages in attempts.items():
            for stage in ("pre", "backup"):
                if len(stages[stage]) > 1:
                    self._add("double", job, "; ".join(map(str, stages[stage])))
            posts = stages["post"]
            for first, second in zip(posts, posts[1:]):
                if not self.died(first.agent, first.begin - 0.5, second.begin):
                    self._add("double", job, f"{first}; {second}; its agent did not die between")
                elif second.number <= first.number:
                    self._add("double", job, f"{first}; {second}; BOOKEND_POST_RUN says {second.number}")
            for pre in stages["pre"]:
                for post in posts:
                    if pre.end is not None and pre.end > post.begin:
                        self._add("double", job, f"{pre} was alive when its post-script began: {post}")
            if stages["pre"] and not any(run.code is not None for run in posts):
                said = [str(run) for run in stages["pre"] + stages["backup"] + posts]
                self._add("unpaid debts", job, f"no post-script ran to its end: {'; '.join(said)}")

    def _judge_overlaps(self, short, runs):
        """Nothing of one job runs between the pre-script and the post-script of another on the same agent."""
        last = None
        for run in runs:
            if last is not None and run.job != last.job and not (last.stage == "post" and last.end is not None
                                                                  and last.end <= run.begin):
                self._add("double", run.job, f"{run} on {short} before job {last.job} was over: {last}")
            last = run

    def _judge_snapshots(self, job, attempt, found):
        if len(found) > 1:
            self._add("double", job, f"{len(found)} snapshots of attempt {attempt}: {found}")
        said = self._attempt(job, attempt)
        status = said and said["backup"]["status"]["status"]
        if status not in (0, 5):
            self._add("lost", job, f"attempt {attempt} made the snapshot {found[0]}; the collector says {status}: "
                                   f"{said and said['backup']}")

    def _attempt(self, job, number):
        for attempt in self.jobs.get(job, {}).get("attempts", []):
            if attempt["attempt"] == number:
                return attempt
        return None

    def _judge_aggregate(self, job):
        """What the collector says of each stage is what its script and its repository say."""
        number = job["job_id"]
        agent = job["agent"].rsplit("-", 1)[-1]
        runs = collections.defaultdict(list)
        for run in self.by_job.get(number, []):
            runs[run.attempt, run.stage].append(run)
        said = {attempt["attempt"]: attempt for attempt in job["attempts"]}
        for attempt in sorted({key[0] for key in runs} - set(said)):
            self._add("lost", number, f"attempt {attempt} ran, the collector does not know it")
        for attempt, stages in said.items():
            for stage, key in (("pre", "pre_script"), ("backup", "backup"), ("post", "post_script")):
                if stage == "backup" and job["policy"].endswith("-restic"):
                    if stages[key]["status"]["status"] == 0 and (number, attempt) not in self.snapshots:
                        self._add("lost", number, f"the collector says that attempt {attempt} made a snapshot; restic "
                                                  f"has none: {stages[key]}")
                    continue
                text = self._contradiction(agent, stage, stages[key], runs[attempt, stage])
                if text:
                    self._add("lost", number, f"attempt {attempt}, {STAGES[stage]}: {text}")

    def _contradiction(self, agent, stage, said, runs):
        status = said["status"]["status"]
        name = f"the collector says {status} {said['status']['name']} ({said['reason']})"
        if not runs:
            ran = status in (0, 1, 5, 21, 27)
            return f"{name}, it did not run" if ran else None
        last = runs[-1]
        if status == 0:
            return None if last.code == 0 else f"{name}: {last}"
        if status == 1:
            return None if last.code not in (0, None) else f"{name}: {last}"
        if status in BROKEN | {6}:
            # It died with its agent, or was ended with it.
            return None if self.died(agent, last.begin - 0.5, last.begin + 60) else f"{name}: {last}"
        return f"{name}: {last}"
