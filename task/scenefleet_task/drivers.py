"""Which of GDAL's drivers a task has: those that it reads and writes by, and no others.

GDAL opens a file by whatever driver its content speaks for, and many of them open other files, ask
services or run code. `GDAL_SKIP` keeps drivers from being registered, raster and vector alike; it
is read once, when rasterio registers them. What a later GDAL brings beside these names is still
never tried on a source (`open_raster`).
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping

KEPT = frozenset({"GTiff", "JP2OpenJPEG", "MEM", "Memory", "PNG"})
"""Sources and outputs, what is in memory (`Memory` is the name of vectors there), thumbnails."""
_SKIPPED = (
    "AAIGrid,ACE2,ADBC,ADRG,AIG,AirSAR,AIVector,AmigoCloud,Arrow,AVCBin,AVCE00,AVIF,BAG,BASISU,"
    "BIGGIF,BLX,BMP,BSB,BT,BYN,CAD,CALS,Carto,CEOS,COASP,COG,COSAR,CPG,CSV,CSW,CTable2,CTG,"
    "DAAS,DDS,DERIVED,DGN,DIMAP,DIPEx,DOQ1,DOQ2,DTED,DWG,DXF,ECRGTOC,ECW,EDIGEO,EEDA,EEDAI,"
    "EHdr,EIR,ELAS,Elasticsearch,ENVI,ERS,ESAT,ESRI Shapefile,ESRIC,ESRIJSON,EXR,FAST,FileGDB,"
    "FIT,FITS,FlatGeobuf,GDALG,GenBin,GeoHEIF,GeoJSON,GeoJSONSeq,GeoRaster,GeoRSS,GFF,GIF,GML,"
    "GMLAS,GMT,GNMDatabase,GNMFile,GPKG,GPSBabel,GPX,GRASSASCIIGrid,GRIB,GS7BG,GSAG,GSBG,GSC,"
    "GTFS,GTI,GTX,GXF,HANA,HDF4,HDF4Image,HDF5,HDF5Image,HEIF,HF2,HFA,HTTP,IDA,ILWIS,INGR,"
    "Interlis 1,Interlis 2,IRIS,ISCE,ISG,ISIS2,ISIS3,JAXAPALSAR,JDEM,JML,JP2ECW,JP2KAK,"
    "JP2MrSID,JPEG,JPEGLS,JPEGXL,JPIPKAK,JSONFG,KEA,KML,KMLSUPEROVERLAY,KRO,L1B,LAN,LCP,"
    "Leveller,LIBERTIFF,LIBKML,LOSLAS,LVBAG,MAP,MapInfo File,MapML,MBTiles,MFF,MFF2,"
    "MiraMonRaster,MiraMonVector,MongoDBv3,MRF,MrSID,MSG,MSGN,MSSQLSpatial,MVT,MySQL,NAS,"
    "NASAKeywordHandler,NDF,netCDF,NGSGEOID,NGW,NITF,NOAA_B,NSIDCbin,NTv2,NWT_GRC,NWT_GRD,"
    "OAPIF,OCI,ODBC,ODS,OGCAPI,OGR_GMT,OGR_PDS,OGR_VRT,OpenFileGDB,OSM,OZI,Parquet,PAux,PCIDSK,"
    "PCRaster,PDF,PDS,PDS4,PGDump,PGeo,PLMOSAIC,PLSCENES,PMTiles,PNM,PostGISRaster,PostgreSQL,"
    "PRF,R,Rasterlite,RCM,RDB,RIK,RMF,ROI_PAC,RPFTOC,RRASTER,RS2,RST,S102,S104,S111,S57,SAFE,"
    "SAGA,SAR_CEOS,SDTS,SEGY,Selafin,SENTINEL2,SGI,SIGDEM,SNAP_TIFF,SNODAS,SQLite,SRP,SRTMHGT,"
    "STACIT,STACTA,SVG,SXF,Terragen,TGA,TIL,TileDB,TopoJSON,TSX,UK .NTF,USGSDEM,VDV,VFK,VICAR,"
    "Walk,WAsP,WCS,WEBP,WFS,WMS,WMTS,XLS,XLSX,XODR,XPM,XYZ,Zarr,ZMap"
)  # fmt: skip
FORCED = {
    "GDAL_DRIVER_PATH": "disable",  # no drivers from folders
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_PAM_ENABLED": "NO",  # no .aux.xml beside outputs, none believed beside sources
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # nothing is looked for beside a file
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",  # no address is GDAL's to open
    "PROJ_NETWORK": "OFF",
    # JPEG 2000 that is decoded by several threads tells of no error, and gives what was in memory
    "GDAL_NUM_THREADS": "1",
}
"""Settings of GDAL's that nobody may set otherwise: each keeps a source to its own bytes, or keeps
its errors from being lost."""


def keep_few(environment: MutableMapping[str, str], *, vrt: bool = False) -> None:
    """Has GDAL register few drivers; to be called before rasterio registers them.

    Args:
        environment: of the process.
        vrt: whether the user's own VRT is among the sources. GDAL registers that driver by itself
            as soon as a raster is warped.
    """
    logging.getLogger("rasterio._env").addFilter(_is_news)
    environment["GDAL_SKIP"] = _SKIPPED if vrt else f"{_SKIPPED},VRT"
    environment.update(FORCED)


def _is_news(record: logging.LogRecord) -> bool:
    """No build of GDAL has all drivers, and it tells of each that it has not."""
    return "GDAL_SKIP" not in record.getMessage()
