<!-- A line for each SVG of openclipart: path, title, description, keywords, separated by tabs. The title is the one
     directly under cc:Work; those deeper down name authors. Two namespaces of cc are in use, hence local-name(). -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:saxon="http://icl.com/saxon" exclude-result-prefixes="dc rdf saxon">
  <xsl:output method="text" encoding="UTF-8"/>
  <xsl:template match="/">
    <xsl:variable name="work" select="(//*[local-name() = 'Work'])[1]"/>
    <xsl:value-of select="saxon:systemId()"/>
    <xsl:text>&#9;</xsl:text>
    <xsl:value-of select="normalize-space($work/dc:title)"/>
    <xsl:text>&#9;</xsl:text>
    <xsl:value-of select="normalize-space($work/dc:description)"/>
    <xsl:text>&#9;</xsl:text>
    <xsl:for-each select="$work/dc:subject//rdf:li[normalize-space()]">
      <xsl:if test="position() > 1">, </xsl:if>
      <xsl:value-of select="normalize-space()"/>
    </xsl:for-each>
    <xsl:text>&#10;</xsl:text>
  </xsl:template>
</xsl:stylesheet>
