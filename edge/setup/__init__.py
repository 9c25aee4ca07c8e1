"""`tuquan setup`: a page on the node on which a group draws zones on its own picture, tries rules, and saves.

access.py       who may come in: the one-time code, sessions, the lock
draft.py        what the page sends, and the file that it would make
configfile.py   the configuration on the disk: read, replaced in one step, former versions
desk.py         what can be asked for, as plain functions
site.py         the same over HTTP, with what keeps strangers and scripts out
serving.py      the socket, the certificate made for it, and the end when nobody is there
looking.py      the camera, where the page has to look for itself
static/         the page: no build step, nobody else's code
"""
