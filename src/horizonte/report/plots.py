"""The page that ``dvc plots show`` fills, so that plots open without the network."""

from __future__ import annotations

from pathlib import Path

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<title>Horizonte: plots</title>
<script>(function () {
%s
})();</script>
<style>body { font-family: system-ui, sans-serif; } table { border-spacing: 15px; }</style>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def write_template(path: Path) -> None:
    """Write the template with Vega inside; DVC's own fetches Vega from elsewhere when opened."""
    import vl_convert

    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PAGE.replace("%s", script.replace("</script", "<\\/script")), encoding="utf-8")
