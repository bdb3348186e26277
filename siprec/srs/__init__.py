"""The Session Recording Server (RFC 7866): recording sessions, their timeline, files and rows.

Cores without I/O: `intake` (is this request a recording, what does it offer), `session` (one SIP dialog:
events in, commands out), `timeline` (where audio belongs), `sidecar` (what is told about a recording). Edges:
`files` (WAV as the call runs, sealing), `recorder` (one recording in progress), `store` (rows), `server`
(SIP, RTP, files and rows joined).
"""
