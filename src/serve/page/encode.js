// Encode: texts and files into the store, piece by piece.

const kPieceLines = 64;
const kPieceBytes = 200_000;

const encoding = { running: false, stop: null, stored: 0, failed: 0, sent: 0, total: 0, begin: 0 };

// ---- What is to be encoded: lines {"id", "text"} ----

function lines_of_text(text, id, split) {
  const paragraphs = split ? text.split(/\n\s*\n/).map((part) => part.trim()).filter(Boolean) : [text];
  return paragraphs.filter((part) => part.trim()).map((part, i) => {
    const name = id && split ? `${id}-${i + 1}` : id;
    return JSON.stringify(name ? { id: name, text: part } : { text: part });
  });
}

async function lines_to_encode() {
  const kind = document.querySelector("input[name=encode-source]:checked").value;
  if (kind === "text") {
    return lines_of_text(by_id("encode-text").value, by_id("encode-id").value.trim(), by_id("encode-split").checked);
  }
  const file = by_id("encode-file").files[0];
  if (!file) throw new ServiceError(0, "", "Choose a file first.", "", 0);
  const text = await file.text();
  if (/\.(ndjson|jsonl)$/i.test(file.name)) return text.split("\n").filter((line) => line.trim());
  return lines_of_text(text, file.name.replace(/\.[^.]*$/, ""), true);
}

function* pieces_of(lines) {
  let piece = [], bytes = 0;
  for (const line of lines) {
    if (piece.length && (piece.length >= kPieceLines || bytes + line.length > kPieceBytes)) {
      yield piece;
      piece = [];
      bytes = 0;
    }
    piece.push(line);
    bytes += line.length;
  }
  if (piece.length) yield piece;
}

// ---- Sending ----

// Waits and tries again while the service has no room.
async function send_piece(piece, signal) {
  for (;;) {
    try {
      return await post_lines("/v1/passages", piece, signal);
    } catch (error) {
      if (error.status !== 429) throw error;
      await pause(1000 * Math.max(error.retryAfter, 1));
      if (signal.aborted) throw new DOMException("stopped", "AbortError");
    }
  }
}

async function encode() {
  const lines = await lines_to_encode();
  if (!lines.length) throw new ServiceError(0, "", "There is no text to encode.", "", 0);
  encoding.stop = new AbortController();
  Object.assign(encoding, { stored: 0, failed: 0, sent: 0, total: lines.length, begin: performance.now() });
  by_id("encode-faults").replaceChildren();
  by_id("encode-empty").hidden = true;
  by_id("encode-progress").hidden = false;
  show_progress("Encoding…");
  for (const piece of pieces_of(lines)) {
    const results = await send_piece(piece, encoding.stop.signal);
    results.forEach((result) => take_result(result, encoding.sent));
    encoding.sent += piece.length;
    show_progress("Encoding…");
    load_info();
  }
  const seconds = (performance.now() - encoding.begin) / 1000;
  show_progress(`Done in ${seconds.toFixed(2)} s.`);
  say(`${encoding.stored} passages are stored, ${encoding.failed} failed.`);
}

function take_result(result, lines_before) {
  if (!result.error) {
    ++encoding.stored;
    return;
  }
  ++encoding.failed;
  if (by_id("encode-faults").children.length >= 20) return;
  by_id("encode-faults").append(element("li", {}, `Line ${lines_before + result.line}: ${result.error.message}`));
}

function show_progress(note) {
  const seconds = (performance.now() - encoding.begin) / 1000;
  by_id("encode-bar").value = encoding.total ? encoding.sent / encoding.total : 0;
  by_id("encode-stored").textContent = count(encoding.stored);
  by_id("encode-failed").textContent = count(encoding.failed);
  by_id("encode-rate").textContent = encoding.stored ? count(Number((encoding.stored / seconds).toPrecision(2))) : "–";
  by_id("encode-note").textContent = note;
}

function set_up_encode() {
  by_id("encode-source").addEventListener("change", () => {
    const file = document.querySelector("input[name=encode-source]:checked").value === "file";
    by_id("encode-text-part").hidden = file;
    by_id("encode-file-part").hidden = !file;
  });
  by_id("encode-stop").addEventListener("click", () => encoding.stop?.abort());
  by_id("encode-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    encoding.running = true;
    by_id("encode").disabled = true;
    by_id("encode-stop").hidden = false;
    show_fault(null);
    try {
      await encode();
    } catch (error) {
      if (error.name === "AbortError") show_progress("Stopped; what was stored stays.");
      show_fault(error);
    }
    encoding.running = false;
    by_id("encode").disabled = false;
    by_id("encode-stop").hidden = true;
  });
}
