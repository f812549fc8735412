"""Files that are called `.tif` and are something else: what GDAL would open by their content.

Each would have a task read what is not its source: its environment, a secret file beside it, or an
address inside the network. `Lure` says where these are.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import rasterio.io
import rasterio.shutil

from fuzz_sources.patch import with_numbers, with_text
from fuzz_sources.seeds import CRS, HEIGHT, LARGE, WIDTH, made

NUMBER = "NUMBERED"
"""Stands for a case's number in addresses, and is as long."""
GDAL_METADATA, GEO_KEYS, GEO_TEXT = 42112, 34735, 34737
"""Tags."""
ENVIRONMENT = "/proc/self/environ"
"""Of the process that reads it."""


@dataclass(frozen=True, slots=True)
class Lure:
    """What a hostile file may try to reach."""

    secret: str
    """Path of a text file that holds the canary."""
    raster: str
    """Path of a GeoTIFF that is not the task's source."""
    inside: str
    """Address of a server that nobody may ask, with a path of this file's own."""
    pipe: str
    """Path of a named pipe that nobody writes to: who opens it waits for ever."""
    near: str = ".."
    """The folder of secret and raster, from the folder of the source."""

    def relative(self, path: str) -> str:
        """Path from the source's folder."""
        return f"{self.near}/{Path(path).name}"


def lure_in(folder: Path, inside: str) -> Lure:
    """What lies in the folder of the sources' own folders."""
    return Lure(
        secret=str(folder / "secret.txt"), raster=str(folder / "raster.tif"), inside=inside,
        pipe=str(folder / "pipe"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hostile:
    """A file under a `.tif` name."""

    name: str
    content: bytes
    beside: Mapping[str, bytes] = field(default_factory=dict)
    """Files beside it, by what is added to its name without `.tif`."""
    seed: str | None = None
    """Whose pixels are right, where the file itself is sound; None where it is to be refused."""


_GEO = f"<SRS>{CRS}</SRS><GeoTransform>600000,10,0,5700000,0,-10</GeoTransform>"


def _vrt(inner: str, more: str = "", kind: str = "") -> bytes:
    return (
        f'<VRTDataset rasterXSize="{WIDTH}" rasterYSize="{HEIGHT}"{kind}>{_GEO}{more}'
        f'<VRTRasterBand dataType="Byte" band="1"{inner}</VRTRasterBand></VRTDataset>'
    ).encode()


def _raw(path: str) -> bytes:
    """A band whose bytes are a file's."""
    return _vrt(
        f' subClass="VRTRawRasterBand"><SourceFilename relativetoVRT="0">{escape(path)}'
        "</SourceFilename><ImageOffset>0</ImageOffset><PixelOffset>1</PixelOffset>"
        "<LineOffset>2</LineOffset>"
    )


def _simple(source: str, kind: str = "SimpleSource") -> bytes:
    """A band whose pixels are another dataset's."""
    return _vrt(
        f'><{kind}><SourceFilename relativeToVRT="0">{escape(source)}</SourceFilename>'
        f"<SourceBand>1</SourceBand></{kind}>"
    )


def _warped(source: str) -> bytes:
    return (
        f'<VRTDataset rasterXSize="{WIDTH}" rasterYSize="{HEIGHT}" subClass="VRTWarpedDataset">'
        f'{_GEO}<VRTRasterBand dataType="Byte" band="1" subClass="VRTWarpedRasterBand"/>'
        f"<GDALWarpOptions><SourceDataset>{escape(source)}</SourceDataset><BandList>"
        '<BandMapping src="1" dst="1"/></BandList></GDALWarpOptions></VRTDataset>'
    ).encode()


def _vrts(lure: Lure) -> list[Hostile]:
    sub = f"/vsisubfile/0_4000,{lure.secret}"
    raw_inside = _raw(lure.secret).decode()
    python = (
        ' subClass="VRTDerivedRasterBand"><PixelFunctionLanguage>Python</PixelFunctionLanguage>'
        "<PixelFunctionType>f</PixelFunctionType><PixelFunctionCode><![CDATA["
        f"def f(*a, **k):\n open({lure.secret!r}).read()\n]]></PixelFunctionCode>"
        f'<SimpleSource><SourceFilename relativeToVRT="0">{lure.raster}</SourceFilename>'
        "</SimpleSource>"
    )
    texts = {
        "VRT, raw band, environment": _raw(ENVIRONMENT),
        "VRT, raw band, secret": _raw(lure.secret),
        "VRT, raw band, sub-file": _raw(sub),
        "VRT, raw band, address": _raw(f"/vsicurl/{lure.inside}/raw.bin"),
        "VRT, local raster": _simple(lure.raster),
        "VRT, complex source": _simple(lure.raster, "ComplexSource"),
        "VRT, address": _simple(f"/vsicurl/{lure.inside}/vrt.tif"),
        "VRT, address with options": _simple(f"/vsicurl?url={lure.inside}/option.tif"),
        "VRT, streaming address": _simple(f"/vsicurl_streaming/{lure.inside}/stream.tif"),
        "VRT, bare address": _simple(f"{lure.inside}/bare.tif"),
        "VRT, nested": _simple(raw_inside),
        "VRT, nested by vrt://": _simple(f"vrt://{lure.raster}?bands=1"),
        "VRT, zip": _simple(f"/vsizip//vsicurl/{lure.inside}/a.zip/a.tif"),
        "VRT, warped": _warped(lure.raster),
        "VRT, Python": _vrt(python),
        "VRT, overviews": _vrt(
            f'><Overview><SourceFilename relativeToVRT="0">{lure.raster}</SourceFilename>'
            "<SourceBand>1</SourceBand></Overview>"
        ),
        "VRT, mask": _vrt(
            "></VRTRasterBand><MaskBand><VRTRasterBand dataType='Byte'><SimpleSource>"
            f'<SourceFilename relativeToVRT="0">{lure.raster}</SourceFilename>'
            "</SimpleSource></VRTRasterBand></MaskBand><VRTRasterBand dataType='Byte' band='2'>"
        ),
        "VRT, after blanks": b"\n \n" + _raw(lure.secret),
        "VRT, after a mark of its encoding": b"\xef\xbb\xbf" + _raw(lure.secret),
        "VRT, after a head": b'<?xml version="1.0"?>\n<!-- II*\0 -->' + _raw(lure.secret),
        "VRT, multidimensional": (
            '<VRTDataset><Group name="/"><Dimension name="y" size="20"/><Dimension name="x" '
            'size="17"/><Array name="a"><DataType>Byte</DataType><DimensionRef ref="y"/>'
            f'<DimensionRef ref="x"/><Source><SourceFilename relativetoVRT="0">{lure.raster}'
            "</SourceFilename><SourceBand>1</SourceBand></Source></Array></Group></VRTDataset>"
        ).encode(),
    }
    return [Hostile(name, text) for name, text in texts.items()]


def _services(lure: Lure) -> list[Hostile]:
    """Descriptions of services that GDAL would ask."""
    window = (
        "<DataWindow><UpperLeftX>600000</UpperLeftX><UpperLeftY>5700000</UpperLeftY>"
        f"<LowerRightX>601700</LowerRightX><LowerRightY>5698000</LowerRightY><SizeX>{WIDTH}"
        f"</SizeX><SizeY>{HEIGHT}</SizeY></DataWindow><Projection>{CRS}</Projection>"
        "<BandsCount>1</BandsCount><BlockSizeX>64</BlockSizeX><BlockSizeY>64</BlockSizeY>"
    )
    at = escape(lure.inside)

    def wms(service: str, more: str = "") -> bytes:
        text = f"<GDAL_WMS><Service{service}</Service>{window}{more}<Cache/></GDAL_WMS>"
        return text.encode()

    texts = {
        "WMS": wms(f' name="WMS"><Version>1.1.1</Version><ServerUrl>{at}/wms?</ServerUrl>'
                   "<Layers>a</Layers><SRS>EPSG:32631</SRS><ImageFormat>image/png</ImageFormat>"),
        "TMS": wms(f' name="TMS"><ServerUrl>{at}/${{z}}/${{x}}/${{y}}.png</ServerUrl>'),
        "TMS, local": wms(f' name="TMS"><ServerUrl>file://{lure.raster}</ServerUrl>'),
        "TiledWMS": wms(f' name="TiledWMS"><ServerUrl>{at}/tiled?</ServerUrl>'
                        "<TiledGroupName>a</TiledGroupName>"),
        "AGS": wms(f' name="AGS"><ServerUrl>{at}/arcgis</ServerUrl>'),
        "IIP": wms(f' name="IIP"><ServerUrl>{at}/iip</ServerUrl>'),
        "WCS": (f"<WCS_GDAL><ServiceURL>{at}/wcs?</ServiceURL><Version>1.0.0</Version>"
                "<CoverageName>a</CoverageName></WCS_GDAL>").encode(),
        "WMTS": (f"<GDAL_WMTS><GetCapabilitiesUrl>{at}/wmts</GetCapabilitiesUrl>"
                 "<Layer>a</Layer></GDAL_WMTS>").encode(),
        "WMTS, local": (f"<GDAL_WMTS><GetCapabilitiesUrl>{lure.secret}</GetCapabilitiesUrl>"
                        "<Layer>a</Layer></GDAL_WMTS>").encode(),
        "WMTS, capabilities": ('<Capabilities xmlns="http://www.opengis.net/wmts/1.0"><Contents>'
                               f'<Layer><ResourceURL template="{at}/wmts"/></Layer></Contents>'
                               "</Capabilities>").encode(),
        "GTI": ("<GDALTileIndexDataset><IndexDataset>/vsicurl/"
                f"{at}/index.gpkg</IndexDataset></GDALTileIndexDataset>").encode(),
        "GTI, local": (f"<GDALTileIndexDataset><IndexDataset>{lure.secret}</IndexDataset>"
                       "</GDALTileIndexDataset>").encode(),
        "MRF": (f'<MRF_META><Raster><Size x="{WIDTH}" y="{HEIGHT}" c="1"/><Compression>NONE'
                f"</Compression><DataFile>{lure.secret}</DataFile><IndexFile>{lure.secret}"
                f'</IndexFile><PageSize x="64" y="64" c="1"/></Raster></MRF_META>').encode(),
        "MRF, cached": ("<MRF_META><CachedSource><Source>/vsicurl/"
                        f'{at}/mrf.tif</Source></CachedSource><Raster><Size x="{WIDTH}" '
                        f'y="{HEIGHT}" c="1"/><PageSize x="64" y="64" c="1"/></Raster>'
                        "</MRF_META>").encode(),
        "STACTA": ('{"stac_version": "1.0.0", "type": "Feature", "stac_extensions": '
                   '["tiled-assets"], "asset_templates": {"a": {"href": '
                   f'"{lure.inside}/{{TileMatrix}}.tif"}}}}, "properties": '
                   '{"tiles:tile_matrix_sets": {}}}').encode(),
        "STACIT": ('{"type": "FeatureCollection", "stac_version": "1.0.0", "features": [{"type": '
                   '"Feature", "stac_version": "1.0.0", "bbox": [3, 51, 4, 52], "collection": "a", '
                   '"properties": {"proj:epsg": 32631, "proj:transform": [10, 0, 600000, 0, -10, '
                   f'5700000], "proj:shape": [{HEIGHT}, {WIDTH}]}}, "assets": {{"a": {{"href": '
                   f'"{lure.raster}"}}}}}}]}}').encode(),
    }  # fmt: skip
    return [Hostile(name, text) for name, text in texts.items()]


def _headers(lure: Lure) -> list[Hostile]:
    """Formats whose header names the file with the pixels."""
    lines, samples = HEIGHT // 10, WIDTH // 10
    secret, raster = lure.relative(lure.secret), lure.relative(lure.raster)
    pds4 = (
        '<?xml version="1.0"?><Product_Observational xmlns="http://pds.nasa.gov/pds4/pds/v1">'
        f"<File_Area_Observational><File><file_name>{secret}</file_name></File>"
        '<Array_2D_Image><offset unit="byte">0</offset><axes>2</axes><axis_index_order>'
        "Last Index Fastest</axis_index_order><Element_Array><data_type>UnsignedByte</data_type>"
        "</Element_Array><Axis_Array><axis_name>Line</axis_name>"
        f"<elements>{lines}</elements><sequence_number>1</sequence_number></Axis_Array>"
        f"<Axis_Array><axis_name>Sample</axis_name><elements>{samples}</elements>"
        "<sequence_number>2</sequence_number></Axis_Array></Array_2D_Image>"
        "</File_Area_Observational></Product_Observational>"
    )
    dimap = (
        '<?xml version="1.0"?><Dimap_Document><Raster_Dimensions>'
        f"<NCOLS>{samples}</NCOLS><NROWS>{lines}</NROWS><NBANDS>1</NBANDS></Raster_Dimensions>"
        f'<Data_Access><Data_File><DATA_FILE_PATH href="{raster}"/></Data_File></Data_Access>'
        "</Dimap_Document>"
    )
    pds = (
        "PDS_VERSION_ID = PDS3\r\nRECORD_TYPE = FIXED_LENGTH\r\nRECORD_BYTES = 100\r\n"
        f'^IMAGE = ("{secret}", 1)\r\nOBJECT = IMAGE\r\nLINES = {lines}\r\n'
        f"LINE_SAMPLES = {samples}\r\nSAMPLE_TYPE = UNSIGNED_INTEGER\r\nSAMPLE_BITS = 8\r\n"
        "END_OBJECT = IMAGE\r\nEND\r\n"
    )
    isis = (
        f"Object = IsisCube\n  Object = Core\n    StartByte = 1\n    ^Core = {secret}\n"
        f"    Format = BandSequential\n    Group = Dimensions\n      Samples = {samples}\n"
        f"      Lines = {lines}\n      Bands = 1\n    End_Group\n    Group = Pixels\n"
        "      Type = UnsignedByte\n      ByteOrder = Lsb\n      Base = 0.0\n"
        "      Multiplier = 1.0\n    End_Group\n  End_Object\nEnd_Object\nEnd\n"
    )
    envi = (
        f"ENVI\nsamples = {samples}\nlines = 1\nbands = 1\nheader offset = 0\nfile type = "
        "ENVI Standard\ndata type = 1\ninterleave = bsq\nbyte order = 0\n"
    )
    ehdr = f"NROWS {lines}\nNCOLS {samples}\nNBANDS 1\nNBITS 8\nLAYOUT BSQ\n"
    raw = bytes(lines * samples)
    by_header = {
        "PDS4": pds4.encode(),
        "DIMAP": dimap.encode(),
        "PDS3": pds.encode().ljust(1000, b" "),
        "ISIS3": isis.encode().ljust(1000),
    }
    return [
        *(Hostile(name, content) for name, content in by_header.items()),
        Hostile("ENVI header beside raw bytes", raw, {".hdr": envi.encode()}),
        Hostile("EHdr header beside raw bytes", raw, {".hdr": ehdr.encode()}),
    ]


def _texts(lure: Lure) -> list[Hostile]:
    """Other texts and bytes that servers give in the place of a raster."""
    entity = f'<!DOCTYPE a [<!ENTITY e SYSTEM "file://{lure.secret}">]>'
    link = f"<NetworkLink><Link><href>{lure.inside}/a.kml</href></Link></NetworkLink>"
    texts = {
        "GenBin header": "BANDS: 1\nROWS: 20\nCOLS: 17\nDATATYPE: U8\n",
        "CSV": f"x,y,z\n0,0,{lure.secret}\n",
        "AAIGrid": "ncols 2\nnrows 2\nxllcorner 0\nyllcorner 0\ncellsize 10\n1 2\n3 4\n",
        "XYZ": "0 9 1\n1 9 2\n0 8 3\n1 8 4\n",
        "GeoJSON": '{"type": "FeatureCollection", "features": []}',
        "KML": '<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        f"<Region/>{link}</Document></kml>",
        "HTML": "<!DOCTYPE html><html><body>Please sign in</body></html>",
        "XML error": "<?xml version='1.0'?><Error><Code>AuthenticationFailed</Code></Error>",
        "XML with an entity": f'<?xml version="1.0"?>{entity}<VRTDataset>&e;</VRTDataset>',
        "JSON error": '{"error": {"code": 403, "message": "no"}}',
        "text": f"/vsicurl/{lure.inside}/text.tif\n",
        "a path": lure.raster,
        "nothing": "",
        "zeros": "\0" * 4096,
        "LFS pointer": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n",
    }
    return [Hostile(name, text.encode()) for name, text in texts.items()]


_DRIVERS = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "BMP": "bmp", "HFA": "img", "GPKG": "gpkg",
            "PCIDSK": "pix", "GRIB": "grb", "SGI": "sgi", "PNM": "pgm", "XPM": "xpm",
            "VICAR": "vic", "KMLSUPEROVERLAY": "kmz"}  # fmt: skip
"""Whose files hold all of an image, and their suffixes."""


@cache
def _rasters() -> tuple[Hostile, ...]:
    """Well-made rasters of formats that no collection has."""
    found: list[Hostile] = []
    with TemporaryDirectory() as folder:
        source = Path(folder) / "source.tif"
        source.write_bytes(made("tiles-bytes"))
        for driver, suffix in _DRIVERS.items():
            path = Path(folder) / f"copy.{suffix}"
            rasterio.shutil.copy(source, path, driver=driver)
            found.append(Hostile(driver, path.read_bytes()))
        for kind in ("NC", "NC4"):
            path = Path(folder) / f"{kind}.nc"
            rasterio.shutil.copy(source, path, driver="netCDF", FORMAT=kind)
            found.append(Hostile({"NC": "netCDF", "NC4": "HDF5"}[kind], path.read_bytes()))
    with io.BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("a.tif", made("tiles-deflate"))
        found.append(Hostile("zip", buffer.getvalue()))
    return tuple(found)


def _well(lure: Lure) -> list[Hostile]:
    """GeoTIFFs that are sound, and name others in what is said of them."""
    raw = _raw(lure.secret).decode()
    wms = next(one.content.decode() for one in _services(lure) if one.name == "WMS")
    overviews = {
        "VRT text": raw,
        "VRT text of a raster": _simple(lure.raster).decode(),
        "local raster": lure.raster,
        "address": f"/vsicurl/{lure.inside}/overview.tif",
        "WMS text": wms,
        "relative": f":::BASE:::{lure.relative(lure.raster)}",
    }
    metadata = {
        "scale and offset in words": _item("SCALE", "many", ' sample="0" role="scale"')
        + _item("OFFSET", "few", ' sample="0" role="offset"'),
        "metadata that nests": "<Item name='a'>" * 2000,
        "metadata of a domain xml:VRT": _item("a", raw, ' domain="xml:VRT"'),
        "statistics that lie": _item("STATISTICS_MEAN", "1e999", ' sample="0"'),
        "metadata that is no XML": "<Item name=",
    }
    pam = (
        '<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">'
        f"{escape(lure.raster)}</MDI></Metadata></PAMDataset>"
    ).encode()
    beside = {
        ".tif.aux.xml": pam,
        ".tif.ovr": _simple(lure.raster),
        ".tif.msk": _simple(lure.raster),
        ".tfw": b"10\n0\n0\n-10\n0\n0\n",
        "_RPC.TXT": b"LINE_OFF: 1\n",
        ".IMD": b"version = 1;\n",
    }
    plain, large = made("tiles-deflate"), made(LARGE.name)
    return [
        *(
            Hostile(f"overview file, {name}", with_text(large, GDAL_METADATA, _overviews(value)),
                    seed=LARGE.name)
            for name, value in overviews.items()
        ),
        *(
            Hostile(name, with_text(plain, GDAL_METADATA, f"<GDALMetadata>{text}</GDALMetadata>"),
                    seed="tiles-deflate")
            for name, text in metadata.items()
        ),
        *(
            Hostile(f"{suffix} beside it", large, {suffix: content}, seed=LARGE.name)
            for suffix, content in beside.items()
        ),
        Hostile("CRS that names a file", _with_crs(plain, lure.pipe)),
        Hostile(".msk of raw bytes beside it", large, {".tif.msk": _raw(ENVIRONMENT)},
                seed=LARGE.name),
    ]  # fmt: skip


def _with_crs(data: bytes, path: str) -> bytes:
    """The file with a CRS whose datum is shifted by a grid in a file of that path.

    The CRS is text of Esri's (`ESRI PE String`), of which GDAL takes all, PROJ's extension too.
    """
    wkt = (
        'PROJCS["x",GEOGCS["g",DATUM["D_x",SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM['
        '"Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
        'PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER['
        '"Central_Meridian",3.0],PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",'
        '0.0],UNIT["Meter",1.0],EXTENSION["PROJ4","+proj=utm +zone=31 +ellps=WGS84 '
        f'+nadgrids={path} +units=m +no_defs"]]'
    )
    text = f"ESRI PE String = {wkt}|"
    user_defined, model, citation = 32767, 1024, 3073
    keys = (1, 1, 0, 2, model, 0, 1, user_defined, citation, GEO_TEXT, len(text), 0)
    return with_numbers(with_text(data, GEO_TEXT, text), GEO_KEYS, keys)


def _overviews(value: str) -> str:
    item = _item("OVERVIEW_FILE", value, ' domain="OVERVIEWS"')
    return f"<GDALMetadata>{item}</GDALMetadata>"


def _item(name: str, value: str, more: str = "") -> str:
    return f'<Item name="{name}"{more}>{escape(value)}</Item>'


KINDS: tuple[Callable[[Lure], list[Hostile]], ...] = (_vrts, _services, _headers, _texts, _well)


def hostile(lure: Lure) -> list[Hostile]:
    """All of them."""
    return [*(one for kind in KINDS for one in kind(lure)), *_rasters()]
