"""A small archive of made-up scenes, served as a STAC API.

`archive.make_archive` draws it (and loads numpy), `server.serve_archive` serves it (and loads
Starlette once it is called).
"""
