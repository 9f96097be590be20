"""The judge finds what it is there for: `python3 -m unittest chaos_lib.judge_test`, in the folder `tools`."""

import pathlib
import tempfile
import types
import unittest

from .judge import Judge
from .scripts import under_way


def stage(status, reason=""):
    return {"status": {"status": status, "name": "-"}, "reason": reason}


def job(number, *attempts, status=0, policy="a1-command", is_final=True):
    return {
        "job_id": number, "agent": "run-a1", "policy": policy, "status": {"status": status, "name": "-"},
        "is_final": is_final, "reason": "",
        "attempts": [
            {"attempt": index, "pre_script": stage(pre), "backup": stage(backup), "post_script": stage(post)}
            for index, (pre, backup, post) in enumerate(attempts, 1)
        ],
    }


def runs(number, *stages, attempt=1, begin=0):
    """Lines of the ledger: (stage, exit code or None for a run without an end, number of the post-script's run)."""
    lines = []
    for index, (name, code, *count) in enumerate(stages):
        pid, at = number * 100 + index, (begin + index) * 10**6
        word = f"{number} {attempt} {name} {pid} {count[0] if count else 1}"
        lines.append(f"begin {at} {word} {number}")
        if code is not None:
            lines.append(f"end {at + 5 * 10**5} {word} {code}")
    return lines


WHOLE = (("pre", 0), ("backup", 0), ("post", 0))


class JudgeTest(unittest.TestCase):
    def judge(self, lines, jobs, triggers=None, deaths=(), ends=None, along=None, snapshots=()):
        """Which jobs the judge finds at fault, and for what, by these ledgers."""
        with tempfile.TemporaryDirectory() as folder:
            home = pathlib.Path(folder)
            (home / "ledger").write_text("".join(line + "\n" for line in lines))
            agent = types.SimpleNamespace(short="a1", id="run-a1", ledger=home / "ledger", repository=home / "none")
            ends = [one["job_id"] for one in jobs] if ends is None else ends
            feed = [{"cursor": f"c{index}", "job_id": number, "ends_job": True} for index, number in enumerate(ends)]
            operator = types.SimpleNamespace(
                triggers={number: ("a1", "command") for number in triggers or [one["job_id"] for one in jobs]},
                feed=feed if along is None else [feed[index] for index in along],
                json=lambda *_, **__: {"jobs": jobs}, read_whole_feed=lambda patience: feed)
            faults = types.SimpleNamespace(deaths=list(deaths))
            judge = Judge(types.SimpleNamespace(agents=[agent]), operator, faults)
            for number, attempt, identity in snapshots:
                judge.snapshots[number, attempt].append(identity)
            judge.judge()
            return {kind: [job for job, _ in found] for kind, found in judge.violations.items() if found}

    def test_a_job_that_ran_once_is_good(self):
        self.assertEqual(self.judge(runs(1, *WHOLE), [job(1, (0, 0, 0))]), {})

    def test_a_trigger_that_the_collector_does_not_know_is_lost(self):
        self.assertEqual(self.judge([], [job(1)], triggers=[1, 2]), {"lost": [2]})

    def test_scripts_of_a_job_that_the_collector_does_not_know_are_lost(self):
        self.assertEqual(self.judge(runs(1, *WHOLE), [], triggers=[]), {"lost": [1]})

    def test_an_attempt_that_was_never_reported_is_lost(self):
        lines = runs(1, *WHOLE) + runs(1, *WHOLE, attempt=2, begin=5)
        self.assertEqual(self.judge(lines, [job(1, (0, 0, 0))]), {"lost": [1]})

    def test_success_that_did_not_happen_is_lost(self):
        self.assertEqual(self.judge(runs(1, ("pre", 0), ("post", 0)), [job(1, (0, 0, 0))]), {"lost": [1]})
        self.assertEqual(self.judge(runs(1, ("pre", 1), *WHOLE[1:]), [job(1, (0, 0, 0))]), {"lost": [1]})

    def test_an_interruption_needs_a_death(self):
        lines, said = runs(1, ("pre", None), ("post", 0)), [job(1, (25, 26, 0))]
        self.assertEqual(self.judge(lines, said), {"lost": [1]})
        self.assertEqual(self.judge(lines, said, deaths=[("a1", 0.2)]), {})
        self.assertEqual(self.judge(lines, said, deaths=[("a2", 0.2)]), {"lost": [1]})

    def test_a_second_start_is_double(self):
        for stages in ((WHOLE[0], *WHOLE), (WHOLE[0], WHOLE[1], *WHOLE[1:])):
            self.assertEqual(self.judge(runs(1, *stages), [job(1, (0, 0, 0))], deaths=[("a1", 1)]), {"double": [1]})

    def test_a_post_script_runs_again_only_if_its_agent_died(self):
        lines, said = runs(1, *WHOLE, ("post", 0, 2)), [job(1, (0, 0, 0))]
        self.assertEqual(self.judge(lines, said), {"double": [1]})
        self.assertEqual(self.judge(lines, said, deaths=[("a1", 2.2)]), {})

    def test_no_pre_script_lives_when_its_post_script_begins(self):
        said = [job(1, (25, 25, 0))]
        late = [line for line in runs(1, ("pre", 0)) if line.startswith("end")]
        begun, post = runs(1, ("pre", None)), runs(1, ("post", 0), begin=2)
        self.assertEqual(self.judge(begun + late + post, said, deaths=[("a1", 0.2)]), {})
        self.assertEqual(self.judge(begun + post, said, deaths=[("a1", 0.2)]), {}, "it was ended")
        late = [line.replace("end 500000", "end 3000000") for line in late]
        self.assertEqual(self.judge(begun + post + late, said, deaths=[("a1", 0.2)]), {"double": [1]})

    def test_jobs_of_one_agent_do_not_overlap(self):
        first, second = runs(1, *WHOLE), runs(2, *WHOLE, begin=3)
        said = [job(1, (0, 0, 0)), job(2, (0, 0, 0))]
        self.assertEqual(self.judge(first + second, said).get("double"), None)
        self.assertEqual(self.judge(first[:4] + second + first[4:], said)["double"], [2, 1])

    def test_a_post_script_that_did_not_end_is_an_unpaid_debt(self):
        for posts in ((), (("post", None),)):
            found = self.judge(runs(1, *WHOLE[:2], *posts), [job(1, (0, 0, 25))], deaths=[("a1", 2)])
            self.assertEqual(found, {"unpaid debts": [1]})

    def test_a_job_without_an_end_never_ended(self):
        self.assertEqual(self.judge([], [job(1, status=11, is_final=False)]), {"never ended": [1]})

    def test_the_feed_has_each_end_once(self):
        self.assertEqual(self.judge([], [job(1), job(2)], ends=[1, 2, 2]), {"double": [2]})
        self.assertEqual(self.judge([], [job(1), job(2)], ends=[1]), {"lost": [2]})

    def test_the_subscriber_gets_each_report_once(self):
        self.assertEqual(self.judge([], [job(1), job(2)], along=[0]), {"lost": [None]})
        self.assertEqual(self.judge([], [job(1), job(2)], along=[0, 0, 1]), {"double": [None]})

    def test_snapshots_are_what_the_collector_says(self):
        lines = runs(1, WHOLE[0], WHOLE[2])

        def judge(status, *snapshots):
            return self.judge(lines, [job(1, (0, status, 0), policy="a1-restic")], snapshots=snapshots)
        self.assertEqual(judge(0, (1, 1, "x")), {})
        self.assertEqual(judge(0), {"lost": [1]})
        self.assertEqual(judge(1, (1, 1, "x")), {"lost": [1]})
        self.assertEqual(judge(0, (1, 1, "x"), (1, 1, "y")), {"double": [1]})

    def test_a_fault_knows_the_stage_that_it_strikes(self):
        with tempfile.TemporaryDirectory() as folder:
            agent = types.SimpleNamespace(ledger=pathlib.Path(folder) / "ledger")
            seen = []
            for count in range(1, 7):
                agent.ledger.write_text("".join(line + "\n" for line in runs(1, *WHOLE)[:count]))
                seen.append(under_way(agent))
        self.assertEqual(seen, [
            "pre-script of job 1", "step to the backup of job 1", "backup of job 1", "step from the backup of job 1",
            "post-script of job 1", None])


if __name__ == "__main__":
    unittest.main()
