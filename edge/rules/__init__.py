"""What is seen and what it means: from tracks to incidents, by the rules that a group has set.

Each kind of rule is a pure function (`edge.rules.kinds`) of who is in a zone since when
(`edge.rules.presence`); `edge.rules.book` owns the incidents' lives. Nothing here knows a camera, a clock or
a message.
"""
