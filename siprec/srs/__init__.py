"""The Session Recording Server (RFC 7866): recording sessions, their timeline, files and rows.

Cores without I/O: `intake` (is this request a recording, what does it offer), `session` (one SIP dialog:
events in, `commands` out), `timeline` (where audio belongs). Edges: `files` (WAV as the call runs, sealed
formats), `disk` (who writes them), `track` (one stream of a recording), `recorder` (one recording in
progress), `call` (a session's commands carried out), `sidecar` and `sealing` (what is kept and told), `store`
(rows), `listening` (addresses and limits), `server` (SIP, RTP, files and rows joined).
"""
