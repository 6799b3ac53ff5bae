/**
 * Masks as DICOM segmentations.
 *
 * @module
 */

import { concat } from "@std/bytes/concat";
import { generate } from "@std/uuid/v5";
import type { DicomReference } from "../../pipeline/dicom/reference.ts";
import manifest from "../../deno.json" with { type: "json" };

/** What a segmentation says. */
export interface SegmentationInput {
  /** The radiograph. */
  readonly source: DicomReference;
  /** Row-major `[height, width]` of 0 and 1, in the pixels of the radiograph. */
  readonly mask: Uint8Array;
  /** The phrase that it shows. */
  readonly phrase: string;
  /** What else tells it from other segmentations of the radiograph, such as the run's settings. */
  readonly run: string;
  /** Its number in the series of the run, from 1. */
  readonly number: number;
}

/** The SOP class of segmentations: DICOM PS3.4, table B.5-1. */
const SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4";
const EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";

/** Tags of the segment's number, and of the group that it is in. */
const REFERENCED_SEGMENT_NUMBER = 0x0062000b;
const SEGMENT_IDENTIFICATION = 0x0062000a;

/** Namespace of our UIDs, a random UUID. */
const NAMESPACE = "5b0e3c0f-8a64-4f0f-9c0b-2f1d5a7f0a51";

/** A date must stand there; that of the writing would make every file another. */
const NO_DATE = { ContentDate: "19000101", ContentTime: "000000" };

/**
 * Writes a mask as a DICOM Segmentation (binary, one segment, one frame), which refers to the
 * radiograph by its UIDs and stands in its study. Of the patient and the study there are
 * the UIDs alone: name, ID, dates and numbers are empty. Equal masks of equal runs have
 * equal UIDs and bytes.
 *
 * @param input What it says.
 * @throws {RangeError} If the radiograph lacks a UID.
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
  const seriesUid = await uidOf(["series", study, run]);
  const description = plain(phrase, 1024);
  const instanceUid = await uidOf(["instance", seriesUid, sopInstance, description], pixels);
  const dimensions = await uidOf(["dimensions"]);
  const reference = { ReferencedSOPClassUID: sopClass, ReferencedSOPInstanceUID: sopInstance };
  // As highdicom has it, for an image without a place in the patient: PS3.3, A.51.
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
    SpecificCharacterSet: "ISO_IR 192",
    ImageType: ["DERIVED", "PRIMARY"],
    SOPClassUID: SEGMENTATION,
    SOPInstanceUID: instanceUid,
    ...{ StudyDate: "", StudyTime: "", AccessionNumber: "", ReferringPhysicianName: "" },
    ...{ PatientName: "", PatientID: "", PatientBirthDate: "", PatientSex: "" },
    ...{ StudyInstanceUID: study, StudyID: "" },
    ...{
      Modality: "SEG",
      SeriesInstanceUID: seriesUid,
      SeriesNumber: "1",
      InstanceNumber: `${number}`,
    },
    SeriesDescription: "Groundray phrase grounding",
    ...NO_DATE,
    ...{ Manufacturer: "Groundray", ManufacturerModelName: "Groundray", DeviceSerialNumber: "0" },
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
    ...{ SamplesPerPixel: 1, PhotometricInterpretation: "MONOCHROME2", NumberOfFrames: "1" },
    ...{ Rows: height, Columns: width, PixelRepresentation: 0 },
    ...{ BitsAllocated: 1, BitsStored: 1, HighBit: 0 },
    LossyImageCompression: lossy ? "01" : "00",
    ...(lossy && {
      LossyImageCompressionRatio: lossy.ratio.split("\\"),
      LossyImageCompressionMethod: lossy.method.split("\\"),
    }),
    ...{ SegmentationType: "BINARY", SegmentsOverlap: "NO", PresentationLUTShape: "IDENTITY" },
    ...{ ContentLabel: "GROUNDING", ContentDescription: plain(phrase, 64), ContentCreatorName: "" },
    SegmentSequence: [{
      SegmentedPropertyCategoryCodeSequence: [
        code("309825002", "SCT", "Spatial and Relational Concept"),
      ],
      SegmentedPropertyTypeCodeSequence: [code("111099", "DCM", "Selected region")],
      SegmentNumber: 1,
      SegmentLabel: plain(phrase, 64),
      SegmentDescription: description,
      ...{ SegmentAlgorithmType: "AUTOMATIC", SegmentAlgorithmName: "Groundray" },
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
  return new Uint8Array(file.write());
}

/** What is used of dcmjs, which has no types. */
interface Dcmjs {
  readonly DicomDict: new (meta: object) => { dict: object; write(): ArrayBuffer };
  readonly DicomMetaDictionary: { denaturalizeDataset(dataset: object): object };
}

async function loadDcmjs(): Promise<Dcmjs> {
  const { default: { data } } = await import("dcmjs");
  return data;
}

function code(value: string, scheme: string, meaning: string): object {
  return { CodeValue: value, CodingSchemeDesignator: scheme, CodeMeaning: meaning };
}

/** Eight pixels a byte, the first in its lowest bit, an even number of bytes: PS3.5, 8.1.1. */
function packBits(mask: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(2 * Math.ceil(mask.length / 16));
  mask.forEach((value, i) => bytes[i >> 3]! |= value << (i & 7));
  return bytes;
}

/** Text for an attribute: a backslash would part it, and control characters have no place in it. */
function plain(text: string, length: number): string {
  const words = text.replaceAll("\\", "/").replace(/[\s\p{Cc}]+/gu, " ").trim();
  return [...words].slice(0, length).join("").trim();
}

/** A UID that names what is in it: 2.25 and a UUID as a number, PS3.5, B.2. */
async function uidOf(names: readonly string[], bytes = new Uint8Array()): Promise<string> {
  const text = new TextEncoder().encode(`${JSON.stringify(names)}\n`);
  const uuid: string = await generate(NAMESPACE, concat([text, bytes]));
  return `2.25.${BigInt(`0x${uuid.replaceAll("-", "")}`)}`;
}
