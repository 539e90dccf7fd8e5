# Sphinx reads this; nothing here needs a network.
project = "trio_httpd"
author = "the trio_httpd authors"
copyright = author

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib_trio"]
exclude_patterns = ["_build"]
nitpicky = False

# Single backticks name Python objects, in docstrings and in these pages.
default_role = "py:obj"
highlight_language = "none"

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {  # But for those that stand in a union: Sphinx cannot show these.
    "Body": "trio_httpd.testing.Body",
    "ChosenFile": "trio_httpd.ChosenFile",
    "Handler": "trio_httpd.Handler",
    "HeaderItems": "trio_httpd.HeaderItems",
    "OnError": "trio_httpd.OnError",
}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90

html_theme = "furo"
html_favicon = "favicon.svg"
html_title = project
html_show_copyright = False


def setup(app):
    """Keep napoleon from reading "word: text" in a property as a type."""
    kept = {}

    def keep(_app, what, name, *rest):
        if what in ("attribute", "data", "property"):
            kept[name] = list(rest[-1])

    def restore(_app, _what, name, *rest):
        if name in kept:
            rest[-1][:] = kept.pop(name)

    app.connect("autodoc-process-docstring", keep, priority=400)
    app.connect("autodoc-process-docstring", restore, priority=600)
