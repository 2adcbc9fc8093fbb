"""Documents from a list on a web server: a mirror of what the list names.

`listing` reads the list, `guard` decides what may be connected to, `client` asks politely, `robots` obeys the site, `looks` reads
lists again only as far as they changed, and `source` puts them together behind the port.
"""
