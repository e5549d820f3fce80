"""How the source is cut: docs/architecture.md, "Floors". Each exception has its reason."""

from tests.architecture import source

SAME_ROLE = {
    "errors": "the errors of a package: of S3, and of people",
    "layer": "the layer itself, of the write queue and of the read cache",
    "listings": "the handlers of listings, in each store",
    "multipart": "the handlers of multipart uploads, in each store",
    "object_reads": "the handlers of reads, of the embedded store and of the read cache",
    "store": "the interface of a store, and the embedded store",
}
"""File names that several packages have, since the file does the same in each."""

SMALL = {
    "s3d.agent.app.access_key_manager": "where a change of the keys meets the running agent",
    "s3d.agent.core.backoff": "one concept for the whole tree",
    "s3d.agent.core.failpoint": "one concept for the whole tree",
    "s3d.agent.core.keyed_lock": "one concept for the whole tree",
    "s3d.agent.core.log_buffer": "one concept for the whole tree",
    "s3d.agent.core.owners": "one concept for the whole tree",
    "s3d.agent.core.supervise": "one concept for the whole tree",
    "s3d.agent.core.thread_call": "one concept for the whole tree",
    "s3d.agent.core.ttl_cache": "one concept for the whole tree",
    "s3d.agent.frontends.frontend": "siblings share it, and must not import one another",
    "s3d.agent.receipts.upload_rules": "settings that change while the agent runs",
    "s3d.agent.s3.bucket_logging": "the names of log objects, without any effect",
    "s3d.agent.selection.filter_subject": "its floor keeps the filters from knowing the records",
    "s3d.agent.stores.remote.encoded_listing": "a table of botocore's handlers, its oracle",
    "s3d.agent.sync.mass_deletion": "the folders and the one-shot sync share it",
    "s3d.cli.client.access_key_client": "one part of the control API's client, as its siblings",
    "s3d.cli.quick_status": "what it imports is the time that it takes",
    "s3d.cli.tui_command": "one command, as its siblings",
    "s3d.shared.findings": "a type that the command and its door into the agent share",
}
"""Module under source.SMALL_MODULE lines -> why it stands alone. At most MAX_SMALL."""
MAX_SMALL = 20

BIG = {
    "s3d.agent.frontends.http.exchange.Exchange": "one request, flat for speed",
    "s3d.agent.storage.transaction.Transaction": "the one place that changes rows",
    "s3d.agent.stores.read_cache.catalog.entry.Entry": "one row of the catalog, flat for speed",
    "s3d.agent.stores.read_cache.catalog.s3_fifo.Fifo": "one algorithm over parallel arrays",
}
"""Class over source.MAX_METHODS or MAX_ATTRIBUTES -> why it is one. At most MAX_BIG."""
MAX_BIG = 5


CONSTRUCTS = "it constructs and connects the parts in their order, and decides nothing"
LONG = {
    "s3d.agent.app.embedded.open_store": CONSTRUCTS,
    "s3d.agent.app.gateway.open_gateway": CONSTRUCTS,
    "s3d.agent.app.open_session.control_routes": "the table of the routes",
    "s3d.agent.app.open_session.open_session": CONSTRUCTS,
    "s3d.agent.app.stack.build_stack": CONSTRUCTS,
    "s3d.agent.app.sync_folders.open_folders": CONSTRUCTS,
    "s3d.agent.app.write_queue.build_queue": CONSTRUCTS,
    "s3d.agent.frontends.http.s3_server.S3Server.__init__": CONSTRUCTS,
    "s3d.agent.storage.index.Index.__init__": CONSTRUCTS,
    "s3d.agent.stores.local.store.LocalStore.__init__": CONSTRUCTS,
    "s3d.agent.stores.read_cache.layer.Cache.__init__": CONSTRUCTS,
    "s3d.agent.stores.write_queue.journal.journal_entry.WriteRecorder.enter": "one commit",
    "s3d.agent.stores.write_queue.journal.journal_entry.insert": "one commit",
    "s3d.agent.stores.write_queue.push.push_executor.PushExecutor._push": "the steps of a push",
    "s3d.agent.sync.open_folder.open_folder": CONSTRUCTS,
    "s3d.agent.transfers.transfer_status.transfer_of": "a field a line",
    "s3d.agent.transfers.user_transfers.UserTransfers.__init__": CONSTRUCTS,
}
"""Function over source.LONG_FUNCTION lines -> why it is one."""


def test_there_is_no_import_cycle_even_for_the_type_checker():
    assert source.cycles() == []


def test_a_file_name_means_one_thing():
    shared = source.shared_file_names()
    assert {name: where for name, where in shared.items() if name not in SAME_ROLE} == {}
    assert SAME_ROLE.keys() <= shared.keys()


def test_a_small_module_has_a_reason():
    assert source.small_modules().keys() == SMALL.keys()
    assert len(SMALL) <= MAX_SMALL


def test_a_big_class_has_a_reason():
    sizes = [size for module in source.MODULES for size in source.class_sizes(module)]
    assert {f"{each.module}.{each.name}" for each in sizes if source.too_big(each)} == BIG.keys()
    assert len(BIG) <= MAX_BIG


def test_a_long_function_has_a_reason():
    sizes = {
        name: n for module in source.MODULES for name, n in source.long_functions(module).items()
    }
    assert sizes.keys() == LONG.keys()


def test_no_public_name_is_a_refused_word():
    assert [one for module in source.MODULES for one in source.refused(module)] == []


def test_the_checks_see_what_they_are_for():
    """They find an offence in a tree that has one."""
    names = [one.name for module in source.MODULES for one in source.definitions(module)]
    assert len(names) > 5_000
    assert any(each.methods > 10 for each in source.class_sizes("s3d.agent.storage.index"))
