"""Questions in whole sentences: headings of projects' own FAQ and troubleshooting pages, held out of what is indexed."""
