import { concat } from "@std/bytes/concat";
import { generate } from "@std/uuid/v5";
import { CHARACTER_SET, type DicomReference, PATIENT_VRS } from "../../images/dicom/reference.ts";
import manifest from "../../deno.json" with { type: "json" };

/** Content of a segmentation. */
export interface SegmentationInput {
  readonly source: DicomReference;
  /** Row-major `[height, width]` of 0 and 1, in the pixels of the radiograph. */
  readonly mask: Uint8Array;
  /** The phrase that the mask shows. */
  readonly phrase: string;
  /** Text that identifies the run; another run of the radiograph gets another series UID. */
  readonly run: string;
  /** Number of the segmentation in the series of the run, from 1. */
  readonly number: number;
}

/** The SOP class of segmentations: DICOM PS3.4, table B.5-1. */
const SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4";
const EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";
/** The character set of the texts that Groundray writes: PS3.3, C.12.1.1.2. */
const UTF8 = "ISO_IR 192";

/** Tags of Referenced Segment Number and of its sequence, Segment Identification. */
const REFERENCED_SEGMENT_NUMBER = 0x0062000b;
const SEGMENT_IDENTIFICATION = 0x0062000a;

/** Namespace of Groundray's UIDs, a random UUID. */
const NAMESPACE = "5b0e3c0f-8a64-4f0f-9c0b-2f1d5a7f0a51";

/** DICOM demands a date here; the current date would make every export differ. */
const NO_DATE = { ContentDate: "19000101", ContentTime: "000000" };

/**
 * Encodes a mask as a DICOM Segmentation: binary, one segment, one frame. The segmentation refers
 * to the radiograph by UIDs, and belongs to the radiograph's study.
 *
 * By default the names, IDs, dates and numbers of patient and study are empty. If `source` has
 * them, they are copied byte for byte in the radiograph's character set. Series and instance UIDs
 * differ between both cases, since a PACS must not confuse the two objects. Equal masks of equal
 * runs have equal UIDs and bytes.
 *
 * @throws {RangeError} If the radiograph lacks the UID of its class, instance, series or study.
 */
export async function encodeDicomSeg(
  { source, mask, phrase, run, number }: SegmentationInput,
): Promise<Uint8Array> {
  const { sopClass, sopInstance, series, study, frameOfReference, lossy, width, height } = source;
  if (!sopClass || !sopInstance || !series || !study) {
    throw new RangeError(
      "expected UIDs of its class, instance, series and study, and not all are there",
    );
  }
  const pixels = packBits(mask);
  const patient = source.patient && patientElements(source.patient);
  const seriesUid = await uidOf(["series", study, run, ...(patient ? ["patient"] : [])]);
  const description = plain(phrase, 1024);
  const instanceUid = await uidOf(
    ["instance", seriesUid, sopInstance, description],
    concat([pixels, ...patient?.values() ?? []]),
  );
  // Groundray's texts are UTF-8. In other character sets only ASCII has the same bytes.
  const isUtf8 = !source.patient || areUtf8(source.patient);
  const isForeign = !isUtf8 && !/^\p{ASCII}*$/u.test(description);
  const dimensions = await uidOf(["dimensions"]);
  const reference = { ReferencedSOPClassUID: sopClass, ReferencedSOPInstanceUID: sopInstance };
  // The elements follow highdicom, for an image without patient coordinates: PS3.3, A.51.
  const { DicomDict, DicomMetaDictionary: { denaturalizeDataset } } = await loadDcmjs();
  const file = new DicomDict(denaturalizeDataset({
    FileMetaInformationVersion: [Uint8Array.of(0, 1).buffer],
    MediaStorageSOPClassUID: SEGMENTATION,
    MediaStorageSOPInstanceUID: instanceUid,
    TransferSyntaxUID: EXPLICIT_LITTLE_ENDIAN,
    ImplementationClassUID: await uidOf(["implementation"]),
    ImplementationVersionName: `GROUNDRAY_${manifest.version}`.slice(0, 16),
    _vrMap: { FileMetaInformationVersion: "OB" },
  }));
  file.dict = denaturalizeDataset({
    SpecificCharacterSet: UTF8,
    ImageType: ["DERIVED", "PRIMARY"],
    SOPClassUID: SEGMENTATION,
    SOPInstanceUID: instanceUid,
    StudyDate: "",
    StudyTime: "",
    AccessionNumber: "",
    ReferringPhysicianName: "",
    PatientName: "",
    PatientID: "",
    PatientBirthDate: "",
    PatientSex: "",
    StudyInstanceUID: study,
    StudyID: "",
    ...{
      Modality: "SEG",
      SeriesInstanceUID: seriesUid,
      SeriesNumber: "1",
      InstanceNumber: `${number}`,
    },
    SeriesDescription: "Groundray phrase grounding",
    ...NO_DATE,
    Manufacturer: "Groundray",
    ManufacturerModelName: "Groundray",
    DeviceSerialNumber: "0",
    SoftwareVersions: manifest.version,
    ...(frameOfReference && {
      FrameOfReferenceUID: frameOfReference,
      PositionReferenceIndicator: "",
    }),
    ReferencedSeriesSequence: [{
      ReferencedInstanceSequence: [reference],
      SeriesInstanceUID: series,
    }],
    SourceImageSequence: [reference],
    DimensionOrganizationSequence: [{ DimensionOrganizationUID: dimensions }],
    DimensionIndexSequence: [{
      DimensionOrganizationUID: dimensions,
      DimensionIndexPointer: REFERENCED_SEGMENT_NUMBER,
      FunctionalGroupPointer: SEGMENT_IDENTIFICATION,
      DimensionDescriptionLabel: "Referenced Segment Number",
    }],
    SamplesPerPixel: 1,
    PhotometricInterpretation: "MONOCHROME2",
    NumberOfFrames: "1",
    Rows: height,
    Columns: width,
    PixelRepresentation: 0,
    BitsAllocated: 1,
    BitsStored: 1,
    HighBit: 0,
    LossyImageCompression: lossy ? "01" : "00",
    ...(lossy && {
      LossyImageCompressionRatio: lossy.ratio.split("\\"),
      LossyImageCompressionMethod: lossy.method.split("\\"),
    }),
    SegmentationType: "BINARY",
    SegmentsOverlap: "NO",
    PresentationLUTShape: "IDENTITY",
    ContentLabel: "GROUNDING",
    ContentCreatorName: "",
    ContentDescription: isForeign ? "" : plain(phrase, 64),
    SegmentSequence: [{
      ...(isForeign && { SpecificCharacterSet: UTF8 }),
      SegmentedPropertyCategoryCodeSequence: [
        code("309825002", "SCT", "Spatial and Relational Concept"),
      ],
      SegmentedPropertyTypeCodeSequence: [code("111099", "DCM", "Selected region")],
      SegmentNumber: 1,
      SegmentLabel: plain(phrase, 64),
      SegmentDescription: description,
      SegmentAlgorithmType: "AUTOMATIC",
      SegmentAlgorithmName: "Groundray",
    }],
    SharedFunctionalGroupsSequence: [{
      SegmentIdentificationSequence: [{ ReferencedSegmentNumber: 1 }],
    }],
    PerFrameFunctionalGroupsSequence: [{
      DerivationImageSequence: [{
        SourceImageSequence: [{
          ...reference,
          SpatialLocationsPreserved: "YES",
          PurposeOfReferenceCodeSequence: [
            code("121322", "DCM", "Source image for image processing operation"),
          ],
        }],
        DerivationCodeSequence: [code("113076", "DCM", "Segmentation")],
      }],
      FrameContentSequence: [{ DimensionIndexValues: 1 }],
    }],
    PixelData: [pixels.buffer],
    _vrMap: { PixelData: "OB" },
  });
  if (!isUtf8) delete file.dict[CHARACTER_SET];
  return patient ? writeWith(file, patient) : new Uint8Array(file.write());
}

/** Encodes the elements of patient and study in Explicit VR Little Endian, by tag: PS3.5, 7.1.2. */
function patientElements(
  values: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
): Map<string, Uint8Array<ArrayBuffer>> {
  const elements = [...values].map(([tag, value]): [string, Uint8Array<ArrayBuffer>] => {
    const bytes = new Uint8Array(8 + 2 * Math.ceil(value.length / 2)).fill(0x20);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, Number.parseInt(tag.slice(0, 4), 16), true);
    view.setUint16(2, Number.parseInt(tag.slice(4), 16), true);
    bytes.set(new TextEncoder().encode(PATIENT_VRS[tag]), 4);
    view.setUint16(6, bytes.length - 8, true);
    bytes.set(value, 8);
    return [tag, bytes];
  });
  return new Map(elements);
}

/** Writes a file with the given elements unchanged: dcmjs would encode their texts as UTF-8. */
function writeWith(
  file: DicomFile,
  given: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
): Uint8Array {
  const own = file.dict;
  const write = (dict: Record<string, unknown>) => {
    file.dict = dict;
    return new Uint8Array(file.write());
  };
  const head = write({});
  const tags = [...new Set([...Object.keys(own), ...given.keys()])].sort();
  const elements = tags.map((tag) =>
    given.get(tag) ?? write({ [tag]: own[tag] }).subarray(head.length)
  );
  return concat([head, ...elements]);
}

/** Whether values are valid as UTF-8: they declare UTF-8, or are ASCII without a character set. */
function areUtf8(values: ReadonlyMap<string, Uint8Array>): boolean {
  const stated = new TextDecoder().decode(values.get(CHARACTER_SET)).trim();
  const isAscii = (value: Uint8Array) => value.every((byte) => byte < 0x80);
  return stated === UTF8 || stated === "" && [...values.values()].every(isAscii);
}

/** A file in dcmjs, with its elements by tag. */
interface DicomFile {
  dict: Record<string, unknown>;
  write(): ArrayBuffer;
}

/** The parts of dcmjs that this module uses; dcmjs has no types of its own. */
interface Dcmjs {
  readonly DicomDict: new (meta: object) => DicomFile;
  readonly DicomMetaDictionary: { denaturalizeDataset(dataset: object): Record<string, unknown> };
}

async function loadDcmjs(): Promise<Dcmjs> {
  const { default: { data } } = await import("dcmjs");
  return data;
}

function code(value: string, scheme: string, meaning: string): object {
  return { CodeValue: value, CodingSchemeDesignator: scheme, CodeMeaning: meaning };
}

/** Packs eight pixels per byte, the first in the lowest bit; PS3.5, 8.1.1, wants even lengths. */
function packBits(mask: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(2 * Math.ceil(mask.length / 16));
  mask.forEach((value, i) => bytes[i >> 3]! |= value << (i & 7));
  return bytes;
}

/** Cleans a text for DICOM: a backslash would split the text; control characters are invalid. */
function plain(text: string, length: number): string {
  const words = text.replaceAll("\\", "/").replace(/[\s\p{Cc}]+/gu, " ").trim();
  return [...words].slice(0, length).join("").trim();
}

/** Derives a UID from names and content: 2.25 and a UUID as a decimal number, PS3.5, B.2. */
async function uidOf(names: readonly string[], bytes = new Uint8Array()): Promise<string> {
  const text = new TextEncoder().encode(`${JSON.stringify(names)}\n`);
  const uuid: string = await generate(NAMESPACE, concat([text, bytes]));
  return `2.25.${BigInt(`0x${uuid.replaceAll("-", "")}`)}`;
}
