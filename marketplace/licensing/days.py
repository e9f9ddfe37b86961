"""Days: what a date of a paper means for the day after it."""

from datetime import date, timedelta


def day_after(day: date) -> date:
    """Return the next day; the last day of the calendar has none and stands for itself."""
    return day if day == date.max else day + timedelta(days=1)
