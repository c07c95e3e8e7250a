// Answering a whole SQuAD file in chunks, so that memory stays flat.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "deformer/span_qa.h"
#include "deformer/squad.h"
#include "tools/answerer.h"
#include "tools/talk.h"

namespace deformer::tools {

/// Leaves the first `count` questions; paragraphs and articles without one go.
void keep_first_questions(SquadDataset& dataset, std::size_t count);

/// Receives each question with its result, in the order of the file.
using SquadSink = std::function<void(const SquadQuestion&, const QaResult&)>;

/// Checks all questions first (Error names `file` and the question's id), then answers. A passage's
/// id is its content id. An empty context gives results without answers.
void answer_squad(Answerer& answerer, const SquadDataset& dataset, const std::string& file,
                  const Talk& talk, const SquadSink& sink);

}  // namespace deformer::tools
