"""What a licence is worth: observations in, a value range out, computed in the background and explained.

Method of today: dated list price of the newest version times the lifecycle prior, with the wide range of a method that
has seen no own trade yet (grade D). The estimator that learns from trades replaces `domain.estimate`.
"""
