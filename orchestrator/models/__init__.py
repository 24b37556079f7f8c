"""The one door to models: a call goes out as it is, and comes back as a checked reply or as a classed error.

`door` sends, `classify` says what a failure means, `checked` believes nothing that came back, `hangup` ends a call that
takes too long or is not wanted any more, `prices` says what it cost. The SDK is imported at the first call: it costs
seconds.
"""
