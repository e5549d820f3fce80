"""The buckets, and the prefixes that were listed so far, as a tree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from s3d.shared.text import safe
from s3d.tui.places import HOME, PrefixName

MAX_PREFIXES = 500
"""Maximum number of prefixes that the tree shows below one location; the table shows all."""


class BucketTree(Tree[PrefixName]):
    """Its nodes are the places whose prefixes the table has listed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
        Binding("l,right", "select_cursor", "Open", show=False),
    ]

    class Chosen(Message):
        """A node was chosen: its place shall be opened."""

        def __init__(self, place: PrefixName) -> None:
            self.place = place
            super().__init__()

    def __init__(self, id: str, *, ascii: bool = False) -> None:
        super().__init__(Text("buckets"), data=HOME, id=id)
        if ascii:
            self.show_guides = False
            self.ICON_NODE, self.ICON_NODE_EXPANDED = "+ ", "- "
        self.root.expand()
        self.guide_depth = 2
        self._node_of: dict[PrefixName, TreeNode[PrefixName]] = {HOME: self.root}

    def show_buckets(self, names: Iterable[str]) -> None:
        """Replace the list of buckets."""
        self._show(HOME, [(name, "") for name in names])

    def show_prefixes(self, place: PrefixName, prefixes: Iterable[str]) -> None:
        """Replace what is below a place, as far as it was listed."""
        self._show(place, [(place[0], prefix) for prefix in list(prefixes)[:MAX_PREFIXES]])

    def _show(self, above: PrefixName, places: list[PrefixName]) -> None:
        node = self._node_of.get(above)
        known = [child.data for child in node.children] if node is not None else places
        if node is None or known == places:
            return
        node.remove_children()
        for place in places:
            name = place[1][len(above[1]) :] if place[1] else place[0]
            self._node_of[place] = node.add(Text(safe(name)), data=place)
        node.expand()

    @property
    def place(self) -> PrefixName:
        """The place under the cursor."""
        node = self.cursor_node
        return HOME if node is None or node.data is None else node.data

    def go(self, place: PrefixName) -> None:
        """Put the cursor on a place, if it has a node."""
        node = self._node_of.get(place)
        if node is not None and node is not self.cursor_node:
            self.move_cursor(node)

    def on_tree_node_selected(self, event: Tree.NodeSelected[PrefixName]) -> None:
        event.stop()
        if event.node.data is not None:
            self.post_message(self.Chosen(event.node.data))
