import hashlib
import http.server
import os
import stat
import threading

import pytest

from mxnet.base import MXNetError
from mxnet.files import replace_atomically
from mxnet.gluon import utils
from mxnet.gluon.utils import check_sha1, download, replace_file

ABC = b"abc" * 200_000
SHA1 = hashlib.sha1(ABC).hexdigest()


def test_the_new_content_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replace_atomically(path, "wb") as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("exception", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("existed", [True, False])
def test_an_exception_leaves_everything_as_it_was(tmp_path, exception, existed):
    path = tmp_path / "file"
    if existed:
        path.write_bytes(b"old")
    with pytest.raises(exception), replace_atomically(str(path)) as file:
        file.write(b"new")
        raise exception
    assert os.listdir(tmp_path) == (["file"] if existed else [])
    assert not existed or path.read_bytes() == b"old"


def test_a_failing_rename_leaves_everything_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*paths):
        raise OSError("no")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no"), replace_atomically(path) as file:
        file.write(b"new")
    assert os.listdir(tmp_path) == ["file"] and path.read_bytes() == b"old"


def test_text_is_utf8_and_newlines_stay_as_asked(tmp_path):
    path = tmp_path / "file"
    with replace_atomically(path, "w", newline="\n") as file:
        file.write("é\n中")
    assert path.read_bytes() == "é\n中".encode()


def test_permissions_of_the_old_file_stay_and_new_files_follow_the_umask(tmp_path):
    path = tmp_path / "file"
    before = os.umask(0o027)
    try:
        with replace_atomically(path):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    with replace_atomically(path) as file:
        file.write(b"x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with replace_atomically(link) as file:
        file.write(b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"


def test_what_is_no_regular_file_is_written_directly(tmp_path):
    with replace_atomically(os.devnull) as file:
        file.write(b"gone")
    assert not stat.S_ISREG(os.stat(os.devnull).st_mode)
    with pytest.raises(IsADirectoryError), replace_atomically(tmp_path):
        pass


def test_errors_name_the_path_that_was_given(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing/file'"), replace_atomically(tmp_path / "missing" / "file"):
        pass
    with pytest.raises(ValueError, match="mode is 'a'"), replace_atomically(tmp_path / "file", "a"):
        pass


def test_a_write_protected_file_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda *arguments: False)  # the super-user may write everywhere
    with pytest.raises(PermissionError, match="write-protected"), replace_atomically(path):
        pass
    assert path.read_bytes() == b"old"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        name = self.path.split("/")[-1].split("?")[0]
        failures = self.server.failures
        if failures.get(name, 0) > 0:
            failures[name] -= 1
            self.send_error(503)
        elif name == "missing":
            self.send_error(404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(ABC)))
            self.end_headers()
            self.wfile.write(ABC[:1000] if name == "short" else ABC)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(utils, "_FIRST_PAUSE", 0.001)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests, server.failures = [], {}
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_download_names_the_file_after_the_url(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert download(f"{server.url}/data/a.bin") == "a.bin"
    assert (tmp_path / "a.bin").read_bytes() == ABC
    assert download(f"{server.url}/a.bin", path="new/b.bin", sha1_hash=SHA1) == "new/b.bin"
    assert download(f"{server.url}/a.bin", path="new") == "new/a.bin"
    assert sorted(os.listdir(tmp_path / "new")) == ["a.bin", "b.bin"]


def test_download_keeps_a_file_that_is_there_and_right(server, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"mine")
    assert download(f"{server.url}/a", path) == str(path)
    assert server.requests == [] and path.read_bytes() == b"mine"
    download(f"{server.url}/a", path, sha1_hash=SHA1)
    download(f"{server.url}/a", path, sha1_hash=SHA1)
    assert server.requests == ["/a"] and path.read_bytes() == ABC
    download(f"{server.url}/a", path, overwrite=True, sha1_hash=SHA1)
    assert server.requests == ["/a", "/a"]


def test_download_with_a_wrong_hash_leaves_the_old_file(server, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"mine")
    with pytest.raises(MXNetError, match=f"hash does not match: its SHA-1 is {SHA1}"):
        download(f"{server.url}/a", path, sha1_hash="0" * 40, retries=2)
    assert len(server.requests) == 2
    assert path.read_bytes() == b"mine" and os.listdir(tmp_path) == ["a"]


def test_download_tries_again(server, tmp_path, capsys):
    server.failures["a"] = 2
    download(f"{server.url}/a", tmp_path / "a", retries=3)
    assert (tmp_path / "a").read_bytes() == ABC
    assert "503" in (output := capsys.readouterr().out) and "retrying, 1 attempt left" in output
    server.failures["b"] = 9
    with pytest.raises(RuntimeError, match="Failed downloading url .*503"):
        download(f"{server.url}/b", tmp_path / "b", retries=2)
    assert server.requests.count("/b") == 2


def test_download_does_not_insist_where_nothing_is(server, tmp_path):
    with pytest.raises(MXNetError, match="404"):
        download(f"{server.url}/missing", tmp_path / "a")
    assert server.requests == ["/missing"]


def test_download_refuses_a_cut_short_answer(server, tmp_path):
    with pytest.raises(MXNetError, match="after 1000 of 600000 bytes|IncompleteRead"):
        download(f"{server.url}/short", tmp_path / "a", retries=1)
    assert os.listdir(tmp_path) == []


def test_download_uses_the_proxy_of_the_environment(server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    download("http://mxnet.invalid/a", tmp_path / "a", retries=1)
    assert server.requests == ["http://mxnet.invalid/a"] and (tmp_path / "a").read_bytes() == ABC


def test_download_copies_file_urls(tmp_path):
    (tmp_path / "a").write_bytes(ABC)
    assert download((tmp_path / "a").as_uri(), tmp_path / "b", sha1_hash=SHA1) == str(tmp_path / "b")
    with pytest.raises(MXNetError, match="No such file"):
        download((tmp_path / "c").as_uri(), tmp_path / "d")


def test_download_without_verification_warns(server, tmp_path):
    with pytest.warns(UserWarning, match="Unverified HTTPS"):
        download(f"{server.url}/a", tmp_path / "a", verify_ssl=False)


def test_download_refuses_bad_arguments(tmp_path):
    with pytest.raises(AssertionError, match="Can't construct file-name"):
        download("http://localhost/")
    with pytest.raises(AssertionError, match="at least 0, currently it's -1"):
        download("http://localhost/a", tmp_path / "a", retries=-1)
    with pytest.raises(MXNetError, match="scheme is 'ftp'"):
        download("ftp://localhost/a", tmp_path / "a")


def test_check_sha1_and_replace_file(tmp_path):
    (tmp_path / "a").write_bytes(ABC)
    (tmp_path / "b").write_bytes(b"")
    assert check_sha1(tmp_path / "a", SHA1)
    assert not check_sha1(tmp_path / "b", SHA1)
    replace_file(tmp_path / "a", tmp_path / "b")
    assert os.listdir(tmp_path) == ["b"] and check_sha1(tmp_path / "b", SHA1)
