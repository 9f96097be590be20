"""What the scripts wrote down about themselves: evidence that Bookend did not make."""

import dataclasses
import typing


@dataclasses.dataclass
class Run:
    """One run of one script. Times are seconds since 1970."""

    agent: str
    job: int
    attempt: int
    stage: str
    pid: int
    number: int
    begin: float
    arguments: str
    end: typing.Optional[float] = None
    code: typing.Optional[int] = None

    def __str__(self):
        ended = "no end" if self.end is None else f"end {self.end:.2f} with {self.code}"
        return f"{self.stage} of attempt {self.attempt}, pid {self.pid}, begin {self.begin:.2f}, {ended}"


def read_runs(agent):
    """All runs of an agent's scripts, in the order of their begins."""
    runs, open_runs = [], {}
    for line in agent.ledger.read_text().splitlines():
        words = line.split(" ", 7)
        event, time = words[0], int(words[1]) / 1e6
        job, attempt, stage, pid, number = int(words[2]), int(words[3]), words[4], int(words[5]), int(words[6])
        rest = words[7] if len(words) > 7 else ""
        key = (job, attempt, stage, pid)
        if event == "begin":
            run = Run(agent.short, job, attempt, stage, pid, number, time, rest)
            runs.append(run)
            open_runs[key] = run
        elif key in open_runs:
            open_runs[key].end, open_runs[key].code = time, int(rest)
    return runs


STAGES = {"pre": "pre-script", "backup": "backup", "post": "post-script"}


def under_way(agent):
    """The stage that an agent is in by its scripts' ledger, such as `backup of job 12`; None between jobs."""
    try:
        with open(agent.ledger, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 300))
            words = file.read().decode().splitlines()[-1].split(" ")
        event, job, stage = words[0], words[2], words[4]
    except (IndexError, OSError):
        return None
    if event == "begin":
        return f"{STAGES[stage]} of job {job}"
    # Between the scripts there is the backup, or a step to or from it.
    return None if stage == "post" else f"{'step to the ' if stage == 'pre' else 'step from the '}backup of job {job}"
