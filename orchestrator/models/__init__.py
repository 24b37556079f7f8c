"""The one door to models: a call goes out as it is, and comes back as a checked reply or as a classed error.

Others ask through `models`, which tries again what may pass (`circuit` keeps all to what the API wants) and pays
(`purse`, `journal`, `spent`, `prices`). `door` sends, `classify` says what a failure means, `checked` and `abilities`
believe nothing that came back, `hangup` ends a call that takes too long or is not wanted any more. The SDK is imported
at the first call: it costs seconds.
"""
