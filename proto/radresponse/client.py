"""The Python client: upload, predict, compare, in a few lines.

```
from radresponse.client import Client, case, scan

patient = case("p-17", [scan("ct", "ct.nii.gz", "tumour.nii.gz")], age_years=64, sex="female")
with Client("127.0.0.1:50051") as client:
    answer = client.compare(patient, ["chemotherapy", "immunotherapy"])
    for option in answer.options:
        print(option.therapy, [prediction.outcome.probability for prediction in option.predictions])
```

Answers are the contract's own messages (`radresponse/v1/*.proto`, whose comments say what each field
means). Every call has a deadline, and is made again where that is safe (`radresponse.retry`).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import grpc

from radresponse.cases import Archived, Case, ImageFile, Scan, case, scan
from radresponse.connection import open_channel
from radresponse.errors import RadResponseError, error_of
from radresponse.files import LocalFile, names_digest
from radresponse.result_files import formats_of
from radresponse.retry import Patience, persist
from radresponse.upload import Progress, upload
from radresponse.v1 import (
    board_pb2,
    case_pb2,
    image_pb2,
    image_pb2_grpc,
    model_pb2,
    model_pb2_grpc,
    outcome_pb2,
    outcome_pb2_grpc,
    prediction_pb2,
    prediction_pb2_grpc,
)

__all__ = ["Archived", "Case", "Client", "Patience", "RadResponseError", "Scan", "case", "scan"]

INLINE_BYTES = 256 * 1024
"""A scan whose two files are up to this size goes inside the request and nothing of it is kept; others are uploaded."""
INLINE_TOTAL_BYTES = 2 * 1024 * 1024
"""All that goes inside one request; the service takes 4 MiB."""

AnyCase = Case | case_pb2.Case
Request = TypeVar("Request")
Answer = TypeVar("Answer")


class Client:
    """A connection to the service; may be shared by threads.

    Args:
        address: Host and port. Plain on this machine, TLS to any other.
        token: The caller's bearer token, where the service wants one.
        ca_file: PEM of who signed the service's certificate; the system's authorities where None.
        certificate_file: PEM of the caller's own certificate, with `key_file`.
        key_file: PEM of its key.
        tls: To say it outright; None for what `address` and the files suggest.
        timeout: Seconds for each call, repetitions included. An upload has a second more for each MiB.
        patience: How often a call is repeated when the service is away or busy.

    Raises:
        ValueError: Security that does not fit together, such as a token in the clear.
        OSError: A certificate file that cannot be read.
    """

    def __init__(
        self,
        address: str = "127.0.0.1:50051",
        *,
        token: str | None = None,
        ca_file: str | Path | None = None,
        certificate_file: str | Path | None = None,
        key_file: str | Path | None = None,
        tls: bool | None = None,
        timeout: float = 120.0,
        patience: Patience | None = None,
    ) -> None:
        self._address = address
        self._timeout = timeout
        self._patience = patience or Patience()
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._channel = open_channel(
            address, token=token, ca_file=ca_file, certificate_file=certificate_file, key_file=key_file, tls=tls
        )
        self._images = image_pb2_grpc.ImageServiceStub(self._channel)
        self._predictions = prediction_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_pb2_grpc.ModelServiceStub(self._channel)
        self._outcomes = outcome_pb2_grpc.OutcomeServiceStub(self._channel)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; calls that still run are cancelled."""
        self._channel.close()

    def upload(self, subject: str, file: str | Path | bytes, progress: Progress = None) -> str:
        """Stores a file for one subject, to be named by its digest; resumes what was broken off.

        It stays at the service until `delete_subject`. Sending it again is harmless.

        Args:
            subject: The pseudonym of the case that will use it.
            file: A path, or the bytes: NIfTI, NRRD or MetaImage, gzip allowed; DICOM, a zip or a folder of it.
            progress: Called with bytes done and bytes in all; None for a bar on a terminal when the file
                is larger than 8 MiB; False for silence.

        Returns:
            SHA-256 of the file, 64 lower-case hexadecimal digits.

        Raises:
            RadResponseError: It was refused, or the service stayed away.
            OSError: The file cannot be read.
        """
        return upload(
            self._images,
            subject,
            LocalFile.of(file),
            address=self._address,
            metadata=self._metadata,
            timeout=self._timeout,
            patience=self._patience,
            progress=progress,
        )

    def predict(
        self,
        case: AnyCase,
        models: Sequence[str] = (),
        therapies: Sequence[str] = (),
        results: Sequence[str] = (),
        *,
        store: bool = False,
    ) -> prediction_pb2.PredictResponse:
        """Predicts for one case.

        Args:
            case: Made by `case`, or the contract's own message. Files that are not small are uploaded first.
            models: Names; empty for all that apply.
            therapies: Under discussion; empty for all that each model knows.
            results: Forms in which the answer also comes, as its `documents`: "fhir-r4b", "fhir-r5", and for images
                that came as DICOM "dicom-seg", "dicom-sr".
            store: Whether segmentations and report are stored in the archive that all images come from; the answer's
                `stored` lists them.

        Raises:
            RadResponseError: It was refused, or the service stayed away.
            ValueError: An unknown form.
        """
        request = prediction_pb2.PredictRequest(
            case=self.message(case),
            models=models,
            therapies=therapies,
            result_formats=formats_of(results),
            store_results=store,
        )
        return self._call(self._predictions.Predict, request)

    def compare(
        self,
        case: AnyCase,
        therapies: Sequence[str],
        reference: str | None = None,
        models: Sequence[str] = (),
        results: Sequence[str] = (),
        *,
        store: bool = False,
        pictures: bool = False,
        similar_patients: bool = False,
        saliency: bool = False,
    ) -> prediction_pb2.CompareTherapiesResponse:
        """Sets therapies side by side, all answered by one set of model versions.

        Args:
            case: As for `predict`.
            therapies: At least two.
            reference: Which of them the others are compared against; the first where None.
            models: Names; empty for all that apply.
            results: As for `predict`.
            store: As for `predict`.
            pictures: Whether a slice through each lesion is wanted.
            similar_patients: Whether the training patients most like this one are wanted.
            saliency: Whether maps are wanted of where models' answers rest on the image embedding; some seconds each.

        Raises:
            RadResponseError: It was refused, or the service stayed away.
            ValueError: An unknown form.
        """
        request = prediction_pb2.CompareTherapiesRequest(
            case=self.message(case),
            therapies=therapies,
            reference_therapy=reference or "",
            models=models,
            result_formats=formats_of(results),
            store_results=store,
            board=board_pb2.BoardRequest(pictures=pictures, similar_patients=similar_patients, saliency=saliency),
        )
        return self._call(self._predictions.CompareTherapies, request)

    def extract(
        self, case: AnyCase, columns: Sequence[str] = (), profile: str | None = None, encoders: Sequence[str] = ()
    ) -> prediction_pb2.ExtractFeaturesResponse:
        """Gives the features themselves, without a model.

        Args:
            case: As for `predict`.
            columns: Full names; empty for all radiomic features and measures.
            profile: Text of a pyradiomics parameter file; the service's default where None.
            encoders: Identities of those that embedding columns mean, where several of one name serve.

        Raises:
            RadResponseError: It was refused, or the service stayed away.
        """
        request = prediction_pb2.ExtractFeaturesRequest(
            case=self.message(case), columns=columns, profile=profile or "", encoder_digests=encoders
        )
        return self._call(self._predictions.ExtractFeatures, request)

    def message(self, case: AnyCase) -> case_pb2.Case:
        """The contract's own message of a case, with every file inside it or uploaded.

        For many questions about one case: files are looked at once.

        Raises:
            RadResponseError: A file was refused, or the service stayed away.
            OSError: A file cannot be read.
        """
        if isinstance(case, case_pb2.Case):
            return case
        room = [INLINE_TOTAL_BYTES]
        message = case_pb2.Case()
        message.CopyFrom(case.message)
        for part in case.scans:
            scan = message.scans.add()
            scan.CopyFrom(part.message)
            image, segmentation = self._sources(message.subject, (part.image, part.segmentation), room)
            scan.image.CopyFrom(image)
            scan.segmentation.CopyFrom(segmentation)
        return message

    def models(self) -> Sequence[model_pb2.Model]:
        """The models that serve, by name, of all pages."""
        found: list[model_pb2.Model] = []
        token = ""
        while True:
            page = self._call(self._models.ListModels, model_pb2.ListModelsRequest(page_token=token))
            found += page.models
            if not (token := page.next_page_token):
                return found

    def serving_periods(self, name: str = "") -> Sequence[model_pb2.ServingPeriod]:
        """What served when, admitted by whom and on which evidence, oldest first, of all pages.

        Args:
            name: Of a model; empty for all.
        """
        found: list[model_pb2.ServingPeriod] = []
        token = ""
        while True:
            request = model_pb2.ListServingPeriodsRequest(name=name, page_token=token)
            page = self._call(self._models.ListServingPeriods, request)
            found += page.periods
            if not (token := page.next_page_token):
                return found

    def watch_models(self) -> Iterator[model_pb2.WatchModelsResponse]:
        """What serves now, then each change, until the service goes; without a deadline.

        Raises:
            RadResponseError: It was refused, or the connection broke.
        """
        watch = self._models.WatchModels(model_pb2.WatchModelsRequest(), metadata=self._metadata)
        try:
            yield from watch
        except grpc.RpcError as raised:
            raise error_of(raised, self._address) from None
        finally:
            watch.cancel()

    def model(self, name: str) -> model_pb2.GetModelResponse:
        """One serving model with its card."""
        return self._call(self._models.GetModel, model_pb2.GetModelRequest(name=name))

    def report_outcome(
        self,
        subject: str,
        prediction_id: str,
        *,
        day: int,
        therapy: str = "",
        responded: bool | None = None,
        progressed: bool | None = None,
    ) -> outcome_pb2.ReportOutcomeResponse:
        """Reports what became of a patient, beside which the models' predictions are set.

        Args:
            subject: The pseudonym of the case.
            prediction_id: Of the answer's provenance.
            day: Since the baseline image: of the assessment, of the progression, or of the last look without one.
            therapy: That was given.
            responded: Whether the tumour responded; either this or `progressed`.
            progressed: Whether it progressed.

        Raises:
            ValueError: Neither or both of the last two.
            RadResponseError: It was refused, or the service stayed away.
        """
        if (responded is None) == (progressed is None):
            raise ValueError("wanted either responded or progressed")
        request = outcome_pb2.ReportOutcomeRequest(
            subject=subject, prediction_id=prediction_id, therapy=therapy, day=day
        )
        if responded is not None:
            request.responded = responded
        if progressed is not None:
            request.progressed = progressed
        return self._call(self._outcomes.ReportOutcome, request)

    def delete_subject(self, subject: str) -> image_pb2.DeleteSubjectResponse:
        """Deletes all that this caller uploaded for a subject, and the features computed from it."""
        return self._call(self._images.DeleteSubject, image_pb2.DeleteSubjectRequest(subject=subject))

    def _call(self, method: "grpc.UnaryUnaryMultiCallable[Request, Answer]", request: Request) -> Answer:
        def once(seconds: float) -> Answer:
            try:
                return method(request, timeout=seconds, metadata=self._metadata)
            except grpc.RpcError as raised:
                raise error_of(raised, self._address) from None

        return persist(once, timeout=self._timeout, patience=self._patience)

    def _sources(self, subject: str, files: tuple[ImageFile, ImageFile], room: list[int]) -> list[case_pb2.ImageSource]:
        """Both inside the request or both uploaded: only features of uploaded files are kept for the next call."""
        local = [None if isinstance(file, Archived) or names_digest(file) else LocalFile.of(file) for file in files]
        sent = [file for file in local if file is not None]
        total = sum(file.size_bytes for file in sent)
        if len(sent) == len(files) and total <= room[0] and all(file.size_bytes <= INLINE_BYTES for file in sent):
            room[0] -= total
            return [case_pb2.ImageSource(inline=file.read()) for file in sent]
        return [
            named.source
            if isinstance(named, Archived)
            else case_pb2.ImageSource(digest=str(named) if file is None else self.upload(subject, file.content))
            for named, file in zip(files, local, strict=True)
        ]
