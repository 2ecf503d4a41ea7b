"""The look that all figures of a report share: theme, encoding of values, captions, and marks.

In: what a figure has to show. Out: colours, markers, line styles, texts that fit, and ready-made matplotlib artists.
Imports: analysis, core, registry.
"""
