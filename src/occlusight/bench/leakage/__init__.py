"""Whether questions can be answered without the picture: probes that see only the text, or only boxes, and tests of
independence."""
