#!/usr/bin/env python3
"""Says when schedules start: what Bookend's own calendar is held against.

  venv/bin/python Tests/Reference/schedule_year.py schedules.json > starts.json

Reads {"from": SECONDS, "to": SECONDS, "schedules": [{"zone": NAME, "cron": TEXT} or {"zone": NAME, "days": ["mon", ...],
"start": "HH:MM"}, ...]} and prints, for each schedule, the list of its starts after the first time, up to and including
the second, in seconds since 1970. cronsim reads the expressions, zoneinfo knows the zones; what becomes of a start when
clocks are changed is written down here once more.
"""

import json
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from cronsim import CronSim

# As crontab(5) spells them out.
NICKNAMES = {"@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"}
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def civil_times(schedule, first, last):
    """The times that a wall clock shows, without any zone."""
    if "cron" in schedule:
        text = NICKNAMES.get(schedule["cron"], schedule["cron"])
        for time in CronSim(text, first - timedelta(minutes=1)):
            if time > last:
                return
            yield time
    else:
        hour, minute = map(int, schedule["start"].split(":"))
        day = first.replace(hour=0, minute=0)
        while day <= last:
            if DAYS[day.weekday()] in schedule["days"]:
                yield day.replace(hour=hour, minute=minute)
            day += timedelta(days=1)


def instant(civil, zone):
    """The first of two, or the next that there is."""
    while True:
        utc = civil.replace(tzinfo=zone, fold=0).astimezone(timezone.utc)
        if utc.astimezone(zone).replace(tzinfo=None) == civil:
            return int(utc.timestamp())
        civil += timedelta(minutes=1)


def starts(schedule, after, through):
    zone = ZoneInfo(schedule["zone"])
    first = datetime.fromtimestamp(after, timezone.utc).replace(tzinfo=None, second=0) - timedelta(days=2)
    last = datetime.fromtimestamp(through, timezone.utc).replace(tzinfo=None, second=0) + timedelta(days=2)
    found = {instant(civil, zone) for civil in civil_times(schedule, first, last)}
    return sorted(time for time in found if after < time <= through)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        question = json.load(file)
    json.dump([starts(one, question["from"], question["to"]) for one in question["schedules"]], sys.stdout)


main()
