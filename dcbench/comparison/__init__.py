"""Compare two result sets run by run. In go the results of OLD and NEW, their run folders and the gates of
`--fail-on`; out come the verdict on each metric and axis value, as text, Markdown or JSON, and the gates that fail.
Imports: errors, core, audit, analysis.
"""
