"""Hugging Face's own client asks the service: hugging_face_test.py TOOL MODEL."""

import sys

from service_process import Service, skip

try:
    from huggingface_hub import InferenceClient
except ImportError:
    skip("huggingface_hub cannot be imported")

CONTEXT = "Zo\u00eb's letter: Faust was written by Goethe."


def main(tool, model):
    with Service(tool, "--model", model) as service:
        service.wait_until_ready()
        client = InferenceClient(base_url=service.url)
        answer = client.question_answering(question="Who wrote Faust?", context=CONTEXT)
        assert answer.answer == "Goethe", answer
        assert CONTEXT[answer.start:answer.end] == "Goethe", answer
        assert 0.5 < answer.score <= 1, answer
        answers = client.question_answering(question="Who wrote Faust?", context=CONTEXT, top_k=2)
        assert isinstance(answers, list) and len(answers) == 2, answers
        assert answers[0].answer == "Goethe", answers
        assert answers[0].score >= answers[1].score, answers
    print("ok")


main(*sys.argv[1:])
