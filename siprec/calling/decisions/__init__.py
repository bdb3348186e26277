"""The decision table of call recording: each fact of `webex.md` C and D, what shows it, what its opposite.

One table for two readers: the reference page is made from it, and the tests set every case up over the API,
make the calls, and compare what they find with `expect`. Pure data.
"""

from siprec.calling.decisions.calls import CALLS
from siprec.calling.decisions.model import Case, Decision, Request, Talk
from siprec.calling.decisions.products import PRODUCTS
from siprec.calling.decisions.users import USERS

__all__ = ["ACCOUNTS", "CALLS", "DECISIONS", "Case", "Decision", "Request", "Talk"]

ACCOUNTS = (*PRODUCTS, *USERS)
DECISIONS = (*ACCOUNTS, *CALLS)
