"""Free text to structured values: what an answer says, ours or any other model's, in Chinese or English.

Every reader gives None (or an empty set) where the text does not say: "no answer" is not "wrong", and a guess is worse
than none.
"""
