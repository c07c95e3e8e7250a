// The three inputs of `deformer answer`.
#pragma once

#include "tools/cmd_answer.h"

namespace deformer::tools {

/// --squad: predictions, and n-best and no-answer scores where asked for.
void answer_squad_file(const AnswerVerbOptions& options);
/// --jsonl: a line for each line.
void answer_jsonl_stream(const AnswerVerbOptions& options);
/// --passage and --question: text for people, or JSON Lines.
void answer_passage(const AnswerVerbOptions& options);

}  // namespace deformer::tools
